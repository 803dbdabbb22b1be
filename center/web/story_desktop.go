package web

import (
	"time"

	"github.com/a-h/templ"

	"github.com/postern/postern"
)

func fixtureInstallTokens() []postern.InstallToken {
	token := func(n byte, name string, state postern.InstallTokenState) postern.InstallToken {
		return postern.InstallToken{
			ID: fixtureID[postern.InstallTokenID](postern.PrefixInstallToken, n), IntegrationID: fixtureIntegration().ID, Name: name, State: state,
			MaxUses: postern.MaxInstallUses, Uses: int(n), CreatedAt: ago(time.Duration(n) * 24 * time.Hour), CreatedBy: "Ada Nyberg", ExpiresAt: ago(-20 * 24 * time.Hour),
			LastUsedAt: pointer(ago(time.Hour)),
		}
	}
	few := token(3, "Pilot group", postern.InstallTokenUsedUp)
	few.MaxUses = 3
	unused := token(1, "Download of 2026-01-02", postern.InstallTokenLive)
	unused.Uses, unused.LastUsedAt = 0, nil
	return []postern.InstallToken{
		unused, token(9, "Sales, third floor, and everybody who moved there from the old building in the spring", postern.InstallTokenLive), few,
		token(2, "Lost stick", postern.InstallTokenRevoked), token(4, "Last year", postern.InstallTokenExpired),
	}
}

func addDesktopStories(add func(string, templ.Component), p loginPage) {
	p.frame.Note = ""
	p.Desktop = desktopSection{
		Installers: []postern.DesktopInstaller{
			{Architecture: postern.ArchitectureX64, Name: "Postern-1.0.0_x64.msi", Size: 5 << 20}, {Architecture: postern.ArchitectureARM64, Name: "Postern-1.0.0_arm64.msi", Size: 5 << 20},
		},
		Tokens: fixtureInstallTokens(), Enrolled: map[postern.InstallTokenID][]postern.Workstation{},
		Settings: postern.DesktopSettings{Version: 1, RequireInstallToken: true, Client: postern.DefaultDesktopClientSettings()},
	}
	for n := range byte(7) {
		id := p.Desktop.Tokens[1].ID
		p.Desktop.Enrolled[id] = append(p.Desktop.Enrolled[id], fixtureWorkstation(n))
	}
	add("login/desktop", login(p))
	auditor := p
	auditor.frame = as(fixtureAuditor, shell(p.Integration, tabLogin).frame)
	add("login/desktop-auditor", login(auditor))
	late := p
	late.DesktopProblems = problems{postern.Errorf(postern.CodeStale, "Somebody else changed these settings since you opened them.")}
	add("login/desktop-stale", login(late))

	sheet := func(inDialog bool) downloadPage {
		d := downloadPage{
			frame: shell(p.Integration, tabLogin).frame, Integration: p.Integration, Installers: p.Desktop.Installers,
			Input: postern.DesktopClientInput{InstallTokenInput: postern.InstallTokenInput{ValidDays: postern.DefaultInstallDays}, Architecture: postern.ArchitectureX64},
		}
		d.frame.Title, d.frame.InDialog = "Download the desktop client?", inDialog
		d.frame.Trail = []crumb{{"Integrations", "/integrations"}, {p.Integration.ApplicationName, "/integrations/x"}}
		return d
	}
	add("login/download-page", downloadSheet(sheet(false)))
	wrong := sheet(false)
	wrong.Uses, wrong.Problems = "none", problems{postern.FieldErrorf("max_uses", "An install token enrols 1 to 100000 workstations.").WithNext("Type a whole number, or leave the field empty.")}
	add("login/download-wrong", downloadSheet(wrong))
	empty := sheet(false)
	empty.Installers = nil
	add("login/download-none", downloadSheet(empty))
}
