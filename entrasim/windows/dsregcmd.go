package windows

import (
	"crypto/sha1" //nolint:gosec // a thumbprint is SHA-1
	"crypto/x509"
	"fmt"
	"io"
	"strings"
	"time"
)

// DSRegCmd prints what `dsregcmd /status` prints on such a computer: its blocks, fields, their order and forms.
func (m *Machine) DSRegCmd(w io.Writer) error {
	p := &printer{}
	p.block("Device State")
	p.field("AzureAdJoined", yes(m.Entra != nil))
	p.field("EnterpriseJoined", "NO")
	p.field("DomainJoined", yes(m.Domain != ""))
	name := m.Name
	if m.Domain != "" {
		short, _, _ := strings.Cut(m.Domain, ".")
		p.field("DomainName", strings.ToUpper(short))
		if strings.Contains(m.Domain, ".") {
			name += "." + m.Domain
		}
	}
	p.field("Virtual Desktop", "NOT SET")
	p.field("Device Name", name)
	if m.Entra != nil {
		if err := p.device(m.Entra); err != nil {
			return err
		}
	}
	p.block("User State")
	p.field("NgcSet", "NO")
	p.field("WorkplaceJoined", yes(m.Kind == Registered))
	if m.Kind == Registered {
		p.field("WorkAccountCount", "1")
	}
	if m.Entra == nil && m.Kind != Registered {
		p.field("WamDefaultSet", "NO")
	} else {
		p.field("WamDefaultSet", "YES")
		p.field("WamDefaultAuthority", "organizations")
		p.field("WamDefaultId", "https://login.microsoft.com")
		p.field("WamDefaultGUID", "{B16898C6-A148-4967-9171-64D755DA8520} (AzureAd)")
	}
	p.block("SSO State")
	m.tokens(p)
	p.block("Diagnostic Data")
	m.diagnostics(p)
	p.block("Ngc Prerequisite Check")
	for _, line := range [][2]string{
		{"IsDeviceJoined", yes(m.Entra != nil)},
		{"IsUserAzureAD", yes(m.Who != nil)},
		{"PolicyEnabled", "NO"},
		{"PostLogonEnabled", "YES"},
		{"DeviceEligible", "YES"},
		{"SessionIsNotRemote", "YES"},
		{"CertEnrollment", "none"},
		{"PreReqResult", "WillNotProvision"},
	} {
		p.field(line[0], line[1])
	}
	p.WriteString("\nFor more information, please visit https://www.microsoft.com/aadjerrors\n")
	_, err := io.WriteString(w, p.String())
	return err
}

// device is what a joined computer knows of itself and its tenant.
func (p *printer) device(t *tie) error {
	certificate, err := x509.ParseCertificate(t.Certificate)
	if err != nil {
		return err
	}
	p.block("Device Details")
	p.field("DeviceId", t.DeviceID)
	p.field("Thumbprint", fmt.Sprintf("%X", sha1.Sum(t.Certificate))) //nolint:gosec // see the import
	p.field("DeviceCertificateValidity", fmt.Sprintf("[ %s -- %s ]", stamp(certificate.NotBefore), stamp(certificate.NotAfter)))
	p.field("KeyProvider", "Microsoft Platform Crypto Provider")
	p.field("TpmProtected", "YES")
	p.field("DeviceAuthStatus", "SUCCESS")
	p.block("Tenant Details")
	p.field("TenantName", t.Domain)
	p.field("TenantId", t.TenantID)
	p.field("AuthCodeUrl", t.Authority+"/"+t.TenantID+"/oauth2/authorize")
	p.field("AccessTokenUrl", t.Authority+"/"+t.TenantID+"/oauth2/token")
	p.field("JoinSrvVersion", "2.0")
	p.field("JoinSrvUrl", t.Authority+"/EnrollmentServer/device/")
	p.field("JoinSrvId", "urn:ms-drs:enterpriseregistration.windows.net")
	return nil
}

// tokens is what who is signed in has.
func (m *Machine) tokens(p *printer) {
	var t *token
	if m.Who != nil {
		t = m.Users[m.Who.User].PRT
	}
	if t == nil || !m.now().Before(t.Expires) {
		p.field("AzureAdPrt", "NO")
		p.field("AzureAdPrtAuthority", "NO")
		m.attempt(p)
		p.field("EnterprisePrt", "NO")
		p.field("EnterprisePrtAuthority", "NO")
		return
	}
	p.field("AzureAdPrt", "YES")
	p.field("AzureAdPrtUpdateTime", stamp(t.Updated))
	p.field("AzureAdPrtExpiryTime", stamp(t.Expires))
	p.field("AzureAdPrtAuthority", m.Entra.Authority+"/"+m.Entra.TenantID)
	m.attempt(p)
	p.field("EnterprisePrt", "NO")
	p.field("EnterprisePrtAuthority", "")
	p.field("OnPremTgt", yes(t.OnPrem))
	p.field("CloudTgt", yes(t.Cloud))
}

// attempt is the last PRT request, where it failed.
func (m *Machine) attempt(p *printer) {
	if m.Failed == nil {
		return
	}
	p.field("Acquire Prt Diagnostics", "PRESENT")
	p.field("Previous Prt Attempt", stamp(m.Failed.At))
	p.field("Attempt Status", m.Failed.Status)
	p.field("Credential Type", "FIDO")
	if m.Failed.Code != "" {
		p.field("Server Error Code", "invalid_grant")
		p.field("Server Error Description", m.Failed.Code+": "+m.Failed.Text)
	}
}

func (m *Machine) diagnostics(p *printer) {
	if m.Entra != nil {
		p.field("AadRecoveryEnabled", "NO")
		if upn, _ := m.SignedIn(); upn != "" {
			p.field("Executing Account Name", upn)
		}
		p.field("KeySignTest", "PASSED")
		return
	}
	p.field("Diagnostics Reference", "www.microsoft.com/aadjerrors")
	p.field("User Context", "UN-ELEVATED User")
	p.field("Client Time", stamp(m.now()))
}

// printer writes blocks as dsregcmd does.
type printer struct{ strings.Builder }

const width = 70

func (p *printer) block(heading string) {
	line := "+" + strings.Repeat("-", width) + "+"
	fmt.Fprintf(p, "\n%s\n| %-*s|\n%s\n\n", line, width-1, heading, line)
}

func (p *printer) field(name, value string) { fmt.Fprintf(p, "%26s : %s\n", name, value) }

func yes(is bool) string {
	if is {
		return "YES"
	}
	return "NO"
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000") + " UTC" }
