package recipe

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"

	"github.com/postern/postern"
)

// page is one way through an admin center, of which every step is done on a page or two.
type page struct{ strings.Builder }

func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// do adds a numbered line.
func (p *page) do(format string, args ...any) { p.line("1. "+format, args...) }

// Portal is the way through the admin centers, in Markdown: what to click, in the words of today, and in brackets the
// older ones under which guides may have it.
func Portal(w Want, steps []Step) string {
	var p page
	p.line("# Set a Microsoft Entra tenant up for Postern by hand\n")
	p.line("These are the steps of the set-up `%s`, for the Microsoft Entra admin center, <https://entra.microsoft.com>%s. Older guides say Azure Active Directory or Azure AD for Microsoft Entra ID, and do the same at <https://portal.azure.com>. The menus change now and then; the search box at the top finds every page by its name.\n",
		w.Setup, map[bool]string{true: ", and the Microsoft Intune admin center, <https://intune.microsoft.com>"}[w.Input.Windows != postern.SetupWindowsOff])
	p.line("You need an account that is a Global Administrator, or has the roles that each step names.\n")
	n := 0
	for _, step := range steps {
		n++
		p.line("## %d. %s\n\n%s\n", n, step.Title, step.Why)
		if step.Found != "" {
			p.line("Found: %s\n", step.Found)
		}
		switch {
		case step.Done:
			p.line("Nothing is left to do here.\n")
		case step.Problem != nil:
			p.line("**Stop here:** %s %s\n", step.Problem.Message, step.Problem.Next)
		default:
			portalSteps[step.Key](w, step, &p)
			p.line("")
		}
	}
	return strings.TrimRight(p.String(), "\n") + "\n"
}

var portalSteps = map[string]func(Want, Step, *page){
	StepApplication: portalApplication, StepServicePrincipal: portalPrincipal, StepPermissions: portalPermissions, StepConsent: portalConsent,
	StepCertificate: portalCertificate, StepClientSecret: portalSecret, StepServiceAccount: portalAccount, StepPolicy: portalPolicy,
	StepWindows: portalWindows, StepWindowsAssignment: portalAssignment, StepIntegration: portalIntegration, StepGroups: portalGroups,
}

const toRegistrations = "**Entra ID** > **App registrations** (older: Identity > Applications > App registrations; Azure Active Directory > App registrations)"

func portalApplication(w Want, _ Step, p *page) {
	platform := "**Web**"
	if w.legacy() {
		platform = "**Public client/native (mobile & desktop)**"
	}
	p.line("Role: Application Administrator or Cloud Application Administrator.\n")
	p.do("Go to %s and choose **New registration**. What you make is found there again, on the tabs *All applications* and *Owned applications*, by its name or client id; *Deleted applications* keeps what was deleted for thirty days.", toRegistrations)
	p.do("**Name:** `%s`.", w.Input.RegistrationName)
	p.do("**Supported account types:** *Accounts in this organizational directory only* (Single tenant; the overview calls it *My organization only*).")
	p.do("**Redirect URI:** choose the platform %s and enter `%s`. It is called reply URL, too; the one that a sign-in names must be in the list letter by letter. In a registration that is there already: **Authentication** > **Add Redirect URI** (older: *Add a platform*) > %s, the address, **Configure**.", platform, redirectURI, platform)
	p.do("Choose **Register**.")
	p.do("On the **Overview** copy **Application (client) ID** and **Directory (tenant) ID**. You need both at the end, and **Object ID** nowhere.")
	p.do("**Supported account types** says *My organization only* there, and **Redirect URIs** counts %s. **Client credentials** counts 0 certificate, 0 secret until a later step; **Application ID URI** stays empty.", map[bool]string{true: "*0 web, 0 spa, 1 public client*", false: "*1 web, 0 spa, 0 public client*"}[w.legacy()])
	if w.legacy() {
		p.do("Under **Authentication** > **Settings** set **Allow public client flows** to **Yes** and choose **Save**.")
	}
}

func portalPrincipal(_ Want, _ Step, p *page) {
	p.do("Nothing to click: the admin center made it with the registration. The **Overview** names it under **Managed application in local directory**.")
}

func portalPermissions(w Want, _ Step, p *page) {
	p.line("Role: Application Administrator or Cloud Application Administrator.\n")
	p.do("Open the registration and choose **API permissions**. The table has the columns **API / Permissions name**, **Type**, **Description**, **Admin consent required** and **Status**.")
	p.do("The list has **User.Read** (Delegated), which every registration begins with. Open its menu (**...**), choose **Remove permission** and confirm with **Yes, remove**.")
	for _, kind := range []string{postern.PermissionApplication, postern.PermissionDelegated} {
		list := grantsOf(w.Input.PermissionSet, kind)
		if len(list) == 0 {
			continue
		}
		title := strings.ToUpper(kind[:1]) + kind[1:] + " permissions"
		p.do("Choose **Add a permission** > **Microsoft Graph** > **%s**. The page sometimes opens the other kind by itself: look twice.", title)
		p.do("Search for and tick exactly:\n\n   | Permission | Type | Needed to |\n   |---|---|---|")
		for _, g := range list {
			p.line("   | `%s` | %s | %s |", g.Name, strings.ToUpper(kind[:1])+kind[1:], g.For)
		}
		p.line("")
		p.do("Choose **Add permissions**; *Discard* would drop the choice.")
	}
	p.line("\nThe page warns that users have to consent again after a change, though they did before. Nobody but you is asked: the next step consents for all of them.")
	p.line("\nNames that look alike are other rights: `Directory.Read.All`, `Directory.ReadWrite.All` and `Directory.Write.Restricted`, or `UserAuthenticationMethod.Read`, `.Read.All` and `.ReadWrite`, are not interchangeable.")
}

func portalConsent(w Want, _ Step, p *page) {
	p.line("Role: Privileged Role Administrator, or Global Administrator.\n")
	p.do("Stay on **API permissions**. The column **Status** says *Not granted for* your organisation at what you added.")
	p.do("Choose **Grant admin consent for** *your organisation*. The dialog **Grant admin consent confirmation** asks whether to consent for all accounts, and says that what was consented to for this application before is brought to the same list. Confirm with **Yes**.")
	p.do("The status turns to *Granted for* your organisation, with a green mark. Read the column **Type** once more: %s.", and(types(w)))
	p.line("\n**Admin consent required** is what Microsoft suggests, not what your tenant has decided. After a later change of the list consent has to be granted again.")
}

func types(w Want) []string {
	var out []string
	for _, g := range postern.Grants(w.Input.PermissionSet) {
		out = append(out, fmt.Sprintf("`%s` is %s", g.Name, strings.ToUpper(g.Type[:1])+g.Type[1:]))
	}
	return out
}

func portalCertificate(w Want, _ Step, p *page) {
	p.do("Save this certificate as `postern.cer`. It holds no secret; its private key stays in Postern.\n\n   ```")
	for line := range strings.Lines(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.Certificate}))) {
		p.line("   %s", strings.TrimSuffix(line, "\n"))
	}
	p.line("   ```\n")
	p.do("Open the registration and choose **Certificates & secrets**. Its tabs **Federated credentials**, **Client secrets** and **Certificates** have their counts beside them.")
	p.do("Choose **Certificates** > **Upload certificate**. Before, the tab says that no certificates were added.")
	p.do("Choose the file, give the description `%s`, and choose **Add**.", w.credentialName())
	p.do("The list has it with **Thumbprint**, **Description**, **Start date**, **Expires** and **Certificate ID**, and the tab counts one more.")
	p.line("\nMicrosoft recommends certificates over client secrets: they are the higher assurance that it is this application which asks.")
}

func portalSecret(w Want, _ Step, p *page) {
	p.do("Open the registration and choose **Certificates & secrets** > **Client secrets** > **New client secret**.")
	p.do("**Description:** `%s`. **Expires:** %s from now (*Custom* takes any date).", w.credentialName(), plural(w.Input.CredentialDays, "day", "days"))
	p.do("Choose **Add**. The page goes back to the list, and the tab counts one more.")
	p.do("Copy the column **Value** at once, with its copy button. **The value is shown once:** after you leave the page it is masked for good and cannot be copied any more. The column *Secret ID* is something else and is not needed.")
}

func portalAccount(w Want, _ Step, p *page) {
	p.line("Roles: User Administrator together with Privileged Role Administrator, or Global Administrator.\n")
	p.do("Go to **Entra ID** > **Users** > **New user** > **Create new user** (older: Azure Active Directory > Users > New user).")
	p.do("**User principal name:** `%s`, at the domain that ends in `onmicrosoft.com`. **Display name:** `Postern Service Account`.", w.Input.ServiceAccountUsername)
	p.do("Clear **Auto-generate password** (older: *Let me create the password*) and enter a long one. Keep it for Postern alone.")
	p.do("Under **Assignments** choose **Add role** and tick **Directory Writers** and **Privileged Authentication Administrator**. Or afterwards: the user > **Assigned roles** > **Add assignments**.")
	p.do("Choose **Review + create** > **Create**.")
	p.do("Open a private window, sign in at <https://portal.azure.com> as this user, and set the permanent password. If that sign-in asks for multifactor authentication, a Conditional Access policy has to exclude the account, or security defaults are on: it must be able to sign in with its password alone.")
	p.line("\nEntra replicates roles slowly. Look again after some minutes if **Assigned roles** stays empty, before you add them twice.")
}

func portalPolicy(_ Want, step Step, p *page) {
	p.line("Role: Authentication Policy Administrator.\n")
	p.do("Go to **Entra ID** > **Authentication methods** > **Policies** (older: Protection > Authentication methods; Azure Active Directory > Security > Authentication methods) and choose **Passkey (FIDO2)** (older: FIDO2 security key). The list has each **Method** with its **Target** and whether it is **Enabled**; the other methods, and the other entries of the menu (*Password protection*, *Registration campaign*, *Authentication strengths*, *Settings*), stay as they are. So does *Manage migration*, in the banner about the older policies for multifactor authentication and password reset.")
	for i, r := range step.Requests {
		if len(step.Requests) > 1 {
			p.line("\n%s\n", []string{"If the page has a tab **Configure** with attestation and key restrictions on it:", "If it has passkey profiles:"}[i])
		}
		portalPolicyBody(r.Body, p)
	}
	p.do("Choose **Save**; *Discard* would drop the changes. Both tabs have these buttons.")
	p.line("\nPasskeys cannot be used to reset a password (self-service password reset). Take nothing off a list that is there: who has a passkey of that model could not sign in any more.")
}

// portalPolicyBody says where each member of a change is.
func portalPolicyBody(body json.RawMessage, p *page) {
	var change struct {
		State        *string `json:"state"`
		SelfService  *bool   `json:"isSelfServiceRegistrationAllowed"`
		Attestation  *bool   `json:"isAttestationEnforced"`
		Restrictions *struct {
			Type string `json:"enforcementType"`
		} `json:"keyRestrictions"`
		Include []struct {
			ID string `json:"id"`
		} `json:"includeTargets"`
		Profiles []struct {
			Name        string `json:"name"`
			Attestation string `json:"attestationEnforcement"`
			Types       string `json:"passkeyTypes"`
			Keys        struct {
				Enforced bool     `json:"isEnforced"`
				Type     string   `json:"enforcementType"`
				Models   []string `json:"aaGuids"`
			} `json:"keyRestrictions"`
		} `json:"passkeyProfiles"`
	}
	_ = json.Unmarshal(body, &change) // our own, which is JSON
	if change.State != nil {
		p.do("On **Enable and Target** turn **Enable** on.")
	}
	if len(change.Include) > 0 {
		p.do("Under **Include** choose **All users**, with registration **Optional**, beside whatever else stands there. (If you target groups instead: only security groups can be chosen.)")
	}
	if change.SelfService != nil {
		p.do("On **Configure** set **Allow self-service set up** to **Yes**. With No nobody can register a passkey, for another user neither.")
	}
	if change.Attestation != nil {
		p.do("On **Configure** set **Enforce attestation** to **No**.")
	}
	if change.Restrictions != nil {
		verb := "add `" + model + "`"
		if change.Restrictions.Type == "block" {
			verb = "take `" + model + "` off"
		}
		p.do("On **Configure**, under **Key restriction policy**, %s (Postern's AAGUID), and leave everything else.", verb)
	}
	for _, f := range change.Profiles {
		if f.Keys.Enforced && slices.Equal(f.Keys.Models, []string{model}) {
			p.do("Choose **Add profile**: name `%s`, passkey type **Device-bound**, **Enforce attestation** off, **Target specific AAGUIDs** with **Allow** and `%s` (Postern's). Give it to the target All users, beside the profiles that it has.", f.Name, model)
			return
		}
	}
	if len(change.Profiles) > 0 {
		p.do("Open the profile that All users have, and let it take **Device-bound** passkeys of `%s` (Postern's AAGUID), with **Enforce attestation** off.", model)
	}
}

func portalWindows(w Want, _ Step, p *page) {
	p.line("Role: Intune Administrator. The tenant needs licences for Intune.\n")
	p.do("At <https://intune.microsoft.com> go to **Devices** > **Manage devices** > **Configuration** (older: Configuration profiles) > **Create** > **New policy**.")
	p.do("**Platform:** *Windows 10 and later*.")
	if w.Input.Windows == postern.SetupWindowsOMAURI {
		p.do("**Profile type:** *Templates* > **Custom**, and **Create**.")
		p.do("**Name:** `%s`; **Next**.", profileName)
		p.do("**OMA-URI Settings** > **Add**: name `Use security keys for sign-in`, **OMA-URI** `%s`, **Data type** *Integer*, **Value** `1`; **Save**, **Next**.", omaURI)
		return
	}
	p.do("**Profile type:** *Settings catalog*, and **Create**.")
	p.do("**Name:** `%s`; **Next**.", profileName)
	p.do("**Add settings**, search for `Use Security Key For Signin`, choose the category **Windows Hello For Business** and tick **Use Security Key For Signin**.")
	p.do("Set it to **Enabled**; **Next**, **Next**.")
}

func portalAssignment(w Want, _ Step, p *page) {
	if w.Input.WindowsGroup != "" {
		p.do("On **Assignments** choose **Add groups** under **Included groups**, and pick the security group `%s`.", w.Input.WindowsGroup)
	} else {
		p.do("On **Assignments** choose **Add all devices** under **Included groups**.")
	}
	p.do("**Next** until **Review + create**, then **Create**.")
	p.line("\nFor devices that join from now on, **Devices** > **Enrollment** > **Windows Hello for Business** > **Use security keys for sign-in** does the same; it does not reach those that are there.")
}

func portalIntegration(w Want, step Step, p *page) {
	needs := "the tenant id and the client id"
	if w.Input.Credential == postern.CredentialSecret {
		needs += ", the value of the secret"
	}
	if w.legacy() {
		needs += " and the user name and password of the service account"
	}
	p.do("Tell Postern %s: on the page of the set-up, under **I did it by hand**, or with", needs)
	p.line("\n   ```sh\n   %s\n   ```", w.finish("TENANT_ID", orElse(step.Known[ValueClientID], "CLIENT_ID"), orElse(step.Known[ValueDomain], "YOURS.onmicrosoft.com")))
}

func portalGroups(_ Want, _ Step, p *page) {
	p.do("Nothing to do: Postern makes them as soon as the tenant is connected.")
}
