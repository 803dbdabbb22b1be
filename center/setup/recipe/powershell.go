package recipe

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

//go:embed powershell.ps1
var powerShellFunctions string

// cmdlet is the one of the Microsoft Graph PowerShell SDK that makes a request.
type cmdlet struct {
	request string         // method, version and path
	path    *regexp.Regexp // what is in parentheses goes to the parameters of ids, in order
	name    string
	module  string
	ids     []string
}

func maker(method, version, path, name, module string, ids ...string) cmdlet {
	return cmdlet{method + " " + version, regexp.MustCompile("^" + strings.ReplaceAll(path, "{}", "([^/]+)") + "$"), name, module, ids}
}

const (
	moduleAuthentication = "Microsoft.Graph.Authentication"
	moduleApplications   = "Microsoft.Graph.Applications"
	moduleSignIns        = "Microsoft.Graph.Identity.SignIns"
	moduleUsers          = "Microsoft.Graph.Users"
	moduleGovernance     = "Microsoft.Graph.Identity.Governance"
	moduleDevices        = "Microsoft.Graph.DeviceManagement"
	moduleDevicesBeta    = "Microsoft.Graph.Beta.DeviceManagement"
)

var cmdlets = []cmdlet{
	maker("POST", stable, "/applications", "New-MgApplication", moduleApplications),
	maker("PATCH", stable, "/applications/{}", "Update-MgApplication", moduleApplications, "ApplicationId"),
	maker("POST", stable, "/applications/{}/addPassword", "Add-MgApplicationPassword", moduleApplications, "ApplicationId"),
	maker("POST", stable, "/applications/{}/removePassword", "Remove-MgApplicationPassword", moduleApplications, "ApplicationId"),
	maker("POST", stable, "/servicePrincipals", "New-MgServicePrincipal", moduleApplications),
	maker("POST", stable, "/servicePrincipals/{}/appRoleAssignments", "New-MgServicePrincipalAppRoleAssignment", moduleApplications, "ServicePrincipalId"),
	maker("POST", stable, "/oauth2PermissionGrants", "New-MgOauth2PermissionGrant", moduleSignIns),
	maker("PATCH", stable, "/oauth2PermissionGrants/{}", "Update-MgOauth2PermissionGrant", moduleSignIns, "OAuth2PermissionGrantId"),
	maker("PATCH", stable, "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/{}",
		"Update-MgPolicyAuthenticationMethodPolicyAuthenticationMethodConfiguration", moduleSignIns, "AuthenticationMethodConfigurationId"),
	maker("POST", stable, "/users", "New-MgUser", moduleUsers),
	maker("POST", stable, "/roleManagement/directory/roleAssignments", "New-MgRoleManagementDirectoryRoleAssignment", moduleGovernance),
	maker("POST", stable, "/deviceManagement/deviceConfigurations", "New-MgDeviceManagementDeviceConfiguration", moduleDevices),
	maker("POST", stable, "/deviceManagement/deviceConfigurations/{}/assign", "Set-MgDeviceManagementDeviceConfiguration", moduleDevices, "DeviceConfigurationId"),
	maker("POST", beta, "/deviceManagement/configurationPolicies", "New-MgBetaDeviceManagementConfigurationPolicy", moduleDevicesBeta),
	maker("POST", beta, "/deviceManagement/configurationPolicies/{}/assign", "Set-MgBetaDeviceManagementConfigurationPolicy", moduleDevicesBeta, "DeviceManagementConfigurationPolicyId"),
}

// cmdletFor finds the cmdlet of a request, with its ids.
func cmdletFor(r Request) (cmdlet, []string) {
	for _, c := range cmdlets {
		if c.request != r.Method+" "+r.Version {
			continue
		}
		if m := c.path.FindStringSubmatch(r.Path); m != nil {
			return c, m[1:]
		}
	}
	panic("recipe: no cmdlet for " + r.Method + " " + r.Path) // a test renders every request
}

// PowerShell is a script of the steps for the module Microsoft.Graph. It can be run again: what it made it finds again.
func PowerShell(w Want, steps []Step) string {
	work := toSend(steps)
	modules := []string{moduleAuthentication}
	for _, step := range work {
		for _, r := range step.Requests {
			if r.Method == http.MethodGet {
				continue
			}
			if c, _ := cmdletFor(r); !slices.Contains(modules, c.module) {
				modules = append(modules, c.module)
			}
		}
	}
	slices.Sort(modules)
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("#Requires -Version 7.0")
	for _, m := range modules {
		line("#Requires -Modules %s", m)
	}
	account := takes(work, ValueAccountPassword)
	line("\n<#\n.SYNOPSIS\n    Sets a Microsoft Entra tenant up for Postern.\n\n.DESCRIPTION")
	b.WriteString(wrap("    ", "The steps of the set-up "+string(w.Setup)+", with the Microsoft Graph PowerShell SDK. The script may be run again; what is there already is left as it is."))
	line("")
	for _, step := range work {
		line("    - %s", step.Title)
	}
	line("\n.PARAMETER ApplicationName\n    The display name of the app registration.")
	line("\n.PARAMETER TenantId\n    Directory (tenant) ID or a domain of the tenant. Without it, the tenant of whoever signs in.")
	line("\n.PARAMETER Patience\n    How many seconds to wait until Entra shows everywhere what was made.")
	if account {
		line("\n.PARAMETER ServiceAccountPassword\n    The password of the service account. Asked for if it is not given.")
	}
	line("\n.EXAMPLE\n    ./postern-setup.ps1 -ApplicationName 'Postern'\n\n.LINK\n    https://learn.microsoft.com/powershell/microsoftgraph/installation\n#>")
	line("[CmdletBinding()]\nparam(\n    [string] $ApplicationName = %s,\n    [string] $TenantId = %s,", quoted(w.Input.RegistrationName), quoted(w.Input.TenantID))
	if account {
		line("    [securestring] $ServiceAccountPassword,")
	}
	line("    [int] $Patience = 120\n)\n")
	b.WriteString(powerShellFunctions)
	line("# --- the steps %s\n", strings.Repeat("-", 102))
	line("Write-Step 'Sign in'")
	line("$Scopes = @(")
	for _, scope := range Scopes(w.Input, true) {
		line("    %s", quoted(scope))
	}
	line(")\nif ($TenantId) {\n    Connect-MgGraph -Scopes $Scopes -TenantId $TenantId -NoWelcome\n}\nelse {\n    Connect-MgGraph -Scopes $Scopes -NoWelcome\n}")
	line("$SignedInTenant = (Get-MgContext).TenantId")
	if isGUID(w.Input.TenantID) {
		line("if ($SignedInTenant -ne %s) { throw 'You signed in to another tenant than the set-up is for.' }", quoted(w.Input.TenantID))
	}
	if id := known(steps)[ValueClientID]; id != "" && !gives(work, ValueClientID) {
		line("$ClientId = %s", quoted(id))
	}
	for _, step := range blocked(steps) {
		line("\n# %s", step.Title)
		b.WriteString(wrap("# ", "Not in this script: "+step.Problem.Message+" "+step.Problem.Next))
	}
	for _, step := range work {
		line("\n# %s", step.Title)
		b.WriteString(wrap("# ", step.Why))
		line("Write-Step %s", quoted(step.Title))
		for _, r := range step.Requests {
			b.WriteString(psRequest(r))
		}
	}
	line("\nWrite-Step 'Done. Tell Postern, which then connects the tenant:'")
	line(`Write-Host "%s"`, w.finish("$SignedInTenant", "$ClientId", domainIn(steps, "$InitialDomain")))
	return b.String()
}

func psRequest(r Request) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	if r.Method == http.MethodGet {
		b.WriteString(psFind("", r.Find, r.Version, r.Path))
		line("if ($null -eq $Found) { throw %s }", quoted("Could not "+r.Doing+"."))
		psTake(&b, "", "$Found", r.Find.Capture, nil)
		return b.String()
	}
	indent := ""
	if r.Find != nil {
		b.WriteString(psFind("", r.Find, r.Version, r.Find.Path))
		line("if ($null -ne $Found) {\n    Write-Host %s", quoted("   "+there(r)))
		psTake(&b, "    ", "$Found", r.Find.Capture, nil)
		line("}\nelse {")
		indent = "    "
	}
	if g := r.Guard; g != nil {
		line("$There = Invoke-MgGraphRequest -Method GET -Uri %s -OutputType PSObject", psText(r.Version+g.Path))
		first := "if"
		if len(g.When) > 0 {
			not := "-not "
			if g.Otherwise {
				not = ""
			}
			line("if (%s(Test-Member $There %s)) {\n    # The other request is for it.\n}", not, psMay("", g.When))
			first = "elseif"
		}
		line("%s (Test-Member $There %s) {\n    Write-Host '   It is so already.'\n}\nelse {", first, psMay("", g.Done))
		line("    Assert-Member $There %s", psMay("    ", g.Only))
		indent = "    "
	}
	if slices.Contains(r.needs(), ValueAccountPassword) {
		line("%sif ($null -eq $ServiceAccountPassword) {", indent)
		line("%s    $ServiceAccountPassword = Read-Host -Prompt 'Password for the service account, long and kept for Postern alone' -AsSecureString\n%s}", indent, indent)
		line("%s$PlainPassword = [System.Net.NetworkCredential]::new('', $ServiceAccountPassword).Password", indent)
	}
	var body any
	_ = json.Unmarshal(r.Body, &body) // our own, which is JSON
	line("%s$Body = %s", indent, psValue(indent, "", body))
	c, ids := cmdletFor(r)
	call := c.name
	for i, id := range ids {
		call += " -" + c.ids[i] + " " + psText(id)
	}
	call += " -BodyParameter $Body"
	options := ""
	if late(r) {
		options += " -Late"
	}
	if r.There != "" {
		options += " -Words " + quoted(r.There)
	}
	answer := "$Answer = "
	if len(r.Capture) == 0 {
		answer = "$null = "
	}
	line("%s%sInvoke-Patiently -Action { %s }%s", indent, answer, call, options)
	psTake(&b, indent, "$Answer", r.Capture, r.Secret)
	if indent != "" {
		line("}")
	}
	return b.String()
}

// psFind puts what is looked for into $Found.
func psFind(indent string, f *Find, version, path string) string {
	uri := psText(version + path)
	if f.In == "" {
		return fmt.Sprintf("%s$Found = Invoke-MgGraphRequest -Method GET -Uri %s -OutputType PSObject\n", indent, uri)
	}
	items := "(Get-List -Uri " + uri + ")"
	if f.In != "value" {
		items = "(Invoke-MgGraphRequest -Method GET -Uri " + uri + " -OutputType PSObject)." + f.In
	}
	var b strings.Builder
	b.WriteString("@{")
	for _, m := range f.Match {
		value := quoted(string(marshal(m.Value)))
		if text, ok := m.Value.(string); ok && reference.MatchString(text) {
			value = "(ConvertTo-Json -InputObject " + psText(text) + " -Compress)"
		}
		fmt.Fprintf(&b, " %s = @(%s);", quoted(m.Name), value)
	}
	may := strings.TrimSuffix(b.String(), ";") + " }"
	return fmt.Sprintf("%s$Found = Find-Item %s %s\n", indent, items, may)
}

// psTake puts members of an answer into variables, and secrets into a file.
func psTake(b *strings.Builder, indent, from string, capture map[string]string, secret []string) {
	for _, name := range names(capture) {
		if slices.Contains(secret, name) {
			fmt.Fprintf(b, "%sSet-Content -Path %s -Value %s.%s -NoNewline\n", indent, quoted(secretFile), from, capture[name])
			fmt.Fprintf(b, "%sWrite-Host '   The client secret is in the file %s. Entra does not show it again; delete the file once Postern has it.'\n", indent, secretFile)
			continue
		}
		fmt.Fprintf(b, "%s%s = %s.%s\n", indent, psVariable(name), from, capture[name])
	}
}

// psMay is a hash table of members and the values they may have.
func psMay(indent string, all []Compare) string {
	var b strings.Builder
	b.WriteString("([ordered] @{\n")
	for _, c := range all {
		values := make([]string, len(c.Values))
		for i, v := range c.Values {
			values[i] = quoted(string(v))
		}
		fmt.Fprintf(&b, "%s        %s = @(%s)\n", indent, quoted(c.Member), strings.Join(values, ", "))
	}
	b.WriteString(indent + "    })")
	return b.String()
}

// psValue writes a value of JSON.
func psValue(indent, name string, v any) string {
	const step = "    "
	switch v := v.(type) {
	case string:
		if name == "key" { // of a certificate, which the SDK takes as bytes
			return "[System.Convert]::FromBase64String(" + quoted(v) + ")"
		}
		return psText(v)
	case bool:
		return map[bool]string{true: "$true", false: "$false"}[v]
	case object:
		if len(v) == 0 {
			return "@{}"
		}
		var b strings.Builder
		b.WriteString("@{\n")
		for _, name := range slices.Sorted(maps.Keys(v)) {
			fmt.Fprintf(&b, "%s%s%s = %s\n", indent, step, quoted(name), psValue(indent+step, name, v[name]))
		}
		return b.String() + indent + "}"
	case []any:
		if len(v) == 0 {
			return "@()"
		}
		var b strings.Builder
		b.WriteString("@(\n")
		for _, item := range v {
			fmt.Fprintf(&b, "%s%s%s\n", indent, step, psValue(indent+step, "", item))
		}
		return b.String() + indent + ")"
	case nil:
		return "$null"
	default:
		return string(marshal(v))
	}
}

// psVariable is the variable for a value.
func psVariable(name string) string {
	if name == ValueAccountPassword {
		return "$PlainPassword"
	}
	var b strings.Builder
	b.WriteByte('$')
	for part := range strings.SplitSeq(name, "_") {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return b.String()
}

// singleQuotes are all that PowerShell takes for one (language specification §2.3.5.2); each is doubled within a string.
var singleQuotes = strings.NewReplacer("'", "''", "\u2018", "\u2018\u2018", "\u2019", "\u2019\u2019", "\u201a", "\u201a\u201a", "\u201b", "\u201b\u201b")

// quoted is a text without values.
func quoted(s string) string { return "'" + singleQuotes.Replace(s) + "'" }

var inExpandable = strings.NewReplacer("`", "``", "$", "`$", `"`, "`\"", "\u201c", "`\u201c", "\u201d", "`\u201d", "\u201e", "`\u201e")

// psText is a text with values.
func psText(s string) string {
	m := reference.FindStringSubmatch(s)
	switch {
	case m == nil:
		return quoted(s)
	case m[0] == s:
		return psVariable(m[1])
	}
	return `"` + reference.ReplaceAllStringFunc(inExpandable.Replace(s), func(ref string) string {
		return "$(" + psVariable(ref[1:len(ref)-1]) + ")"
	}) + `"`
}
