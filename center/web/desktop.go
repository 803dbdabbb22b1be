package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/desktop"
)

// Desktop is what the console needs of package desktop.
type Desktop interface {
	Tokens(ctx context.Context, integration postern.IntegrationID) ([]postern.InstallToken, error)
	RevokeToken(ctx context.Context, integration postern.IntegrationID, id postern.InstallTokenID) (postern.InstallToken, error)
	Settings(ctx context.Context, integration postern.IntegrationID) (postern.DesktopSettings, error)
	SetSettings(ctx context.Context, integration postern.IntegrationID, in postern.DesktopSettings) (postern.DesktopSettings, error)
	Installers() ([]postern.DesktopInstaller, error)
	Client(ctx context.Context, integration postern.IntegrationID, in postern.DesktopClientInput) (*desktop.Client, error)
}

// desktopSection is what the Login Settings tab says of the desktop client.
type desktopSection struct {
	Installers []postern.DesktopInstaller
	Tokens     []postern.InstallToken
	Enrolled   map[postern.InstallTokenID][]postern.Workstation
	Settings   postern.DesktopSettings
}

// tokensShown is how many install tokens the tab lists: the newest.
const tokensShown = 50

// desktopSection reads it. A tab that shows an error of another form shows it too.
func (c *console) desktopSection(ctx context.Context, id postern.IntegrationID) (d desktopSection, err error) {
	if d.Installers, err = c.Desktop.Installers(); err != nil {
		return d, err
	}
	if d.Settings, err = c.Desktop.Settings(ctx, id); err != nil {
		return d, err
	}
	if d.Tokens, err = c.Desktop.Tokens(ctx, id); err != nil {
		return d, err
	}
	d.Tokens = d.Tokens[:min(len(d.Tokens), tokensShown)]
	all, err := c.Phones.Workstations(ctx, id)
	d.Enrolled = make(map[postern.InstallTokenID][]postern.Workstation)
	for _, w := range all {
		if w.InstallTokenID != "" {
			d.Enrolled[w.InstallTokenID] = append(d.Enrolled[w.InstallTokenID], w)
		}
	}
	return d, err
}

// namesShown is how many workstations of an install token are named.
const namesShown = 5

// enrolledText names workstations that a token enrolled.
func enrolledText(all []postern.Workstation) string {
	var names []string
	for _, w := range all[:min(len(all), namesShown)] {
		names = append(names, w.Name)
	}
	text := strings.Join(names, ", ")
	if more := len(all) - namesShown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func usesText(t postern.InstallToken) string {
	switch {
	case t.MaxUses < postern.MaxInstallUses:
		return fmt.Sprintf("%d of %d workstations", t.Uses, t.MaxUses)
	case t.Uses == 1:
		return "1 workstation"
	}
	return fmt.Sprintf("%d workstations", t.Uses)
}

func loginPath(id postern.IntegrationID) string { return integrationPath(id) + "/login" }

func downloadPath(id postern.IntegrationID) string { return loginPath(id) + "/desktop-client" }

func revokeTokenPath(t postern.InstallToken) string {
	return loginPath(t.IntegrationID) + "/install-tokens/" + string(t.ID) + "/revoke"
}

// downloadPage is the popup before a download.
type downloadPage struct {
	frame
	Integration postern.Integration
	Installers  []postern.DesktopInstaller
	Input       postern.DesktopClientInput
	Uses        string // as typed; empty is no limit
	Problems    problems
}

func (p downloadPage) architectures() []option {
	var out []option
	for _, one := range p.Installers {
		o := option{
			Name: "architecture", Value: string(one.Architecture), Label: "x64", Help: "Intel and AMD: most machines. " + one.Name,
			Checked: one.Architecture == p.Input.Architecture,
		}
		if one.Architecture == postern.ArchitectureARM64 {
			o.Label, o.Help = "ARM64", "Machines with an ARM processor. "+one.Name
		}
		out = append(out, o)
	}
	return out
}

// downloadClient asks whether to download, and then sends the archive.
func (c *console) downloadClient(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	p := downloadPage{
		frame: c.sheetFrame(r, i, "Download the desktop client?"), Integration: i,
		Input: postern.DesktopClientInput{InstallTokenInput: postern.InstallTokenInput{ValidDays: postern.DefaultInstallDays}},
	}
	if p.Installers, err = c.Desktop.Installers(); err != nil {
		return err
	}
	if len(p.Installers) > 0 {
		p.Input.Architecture = p.Installers[0].Architecture
	}
	if r.Method == http.MethodGet {
		return c.show(w, r, http.StatusOK, downloadSheet(p))
	}
	client, err := c.readDownload(r, &p)
	if err != nil {
		p.Problems = problemsOf(err)
		return c.show(w, r, statusOf(p.Problems), downloadSheet(p))
	}
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Length", strconv.FormatInt(client.Size, 10))
	w.Header().Set("Content-Disposition", `attachment; filename="`+client.Name+`"`)
	w.Header().Set("Cache-Control", "no-store")
	// The server's own deadline fits pages; a slow line may take its time.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(downloadTime))
	if _, err := client.WriteTo(w); err != nil {
		panic(http.ErrAbortHandler) // half an archive must not pass for a whole one
	}
	return nil
}

// downloadTime is how long a download may take.
const downloadTime = 30 * time.Minute

func (c *console) readDownload(r *http.Request, p *downloadPage) (*desktop.Client, error) {
	if err := r.ParseForm(); err != nil {
		return nil, postern.Errorf(postern.CodeTooLarge, "The form is larger than Postern accepts.").Because(err)
	}
	p.Input.Name, p.Uses = r.PostForm.Get("name"), strings.TrimSpace(r.PostForm.Get("max_uses"))
	p.Input.Architecture = postern.Architecture(r.PostForm.Get("architecture"))
	var err error
	if p.Input.ValidDays, err = strconv.Atoi(strings.TrimSpace(r.PostForm.Get("valid_days"))); err != nil || p.Input.ValidDays < 1 {
		p.Input.ValidDays = 0
		return nil, postern.FieldErrorf("valid_days", "An install token is valid for 1 to %d days.", postern.MaxInstallDays).WithNext("Type a whole number.")
	}
	if p.Uses != "" {
		if p.Input.MaxUses, err = strconv.Atoi(p.Uses); err != nil || p.Input.MaxUses < 1 {
			return nil, postern.FieldErrorf("max_uses", "An install token enrols 1 to %d workstations.", postern.MaxInstallUses).WithNext("Type a whole number, or leave the field empty.")
		}
	}
	return c.Desktop.Client(r.Context(), p.Integration.ID, p.Input)
}

// setDesktop keeps how the integration takes desktop clients in.
func (c *console) setDesktop(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	in := postern.DesktopSettings{
		Version: readVersion(r), RequireInstallToken: r.PostFormValue("require_install_token") == "true",
		Client: postern.DesktopClientSettings{LocalPage: postern.DesktopPageAdministrators, LogLevel: r.PostFormValue("log_level")},
	}
	if r.PostFormValue("users_page") == "true" {
		in.Client.LocalPage = postern.DesktopPageUsers
	}
	if _, err := c.Desktop.SetSettings(r.Context(), i.ID, in); err != nil {
		p, failed := c.loginPage(r, i)
		if failed != nil {
			return failed
		}
		p.DesktopProblems = problemsOf(err)
		in.Version = p.Desktop.Settings.Version
		p.Desktop.Settings = in
		return c.show(w, r, statusOf(p.DesktopProblems), login(p))
	}
	return c.away(w, r, loginPath(i.ID)+"?done=desktop")
}

func (c *console) revokeInstallToken(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	all, err := c.Desktop.Tokens(r.Context(), i.ID)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(all, func(t postern.InstallToken) bool { return string(t.ID) == r.PathValue("token") })
	if at < 0 {
		return postern.Errorf(postern.CodeNotFound, "%s has no such install token.", i.ApplicationName)
	}
	p := actPage{
		frame: c.sheetFrame(r, i, "Revoke the install token?"), Path: r.URL.Path, Back: loginPath(i.ID), Button: "Revoke install token",
		Text: "No further workstation can be enrolled with “" + all[at].Name + "”. Those that it enrolled stay; revoke them under Workstations where they are not wanted.",
	}
	return c.actOn(w, r, p, "install-token-revoked", func(ctx context.Context) error {
		_, err := c.Desktop.RevokeToken(ctx, i.ID, all[at].ID)
		return err
	})
}
