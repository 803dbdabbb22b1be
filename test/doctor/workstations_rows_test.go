package doctor_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/agent"
	"github.com/postern/postern/agent/doctor"
)

const (
	noted   = postern.FindingNote
	unsure  = postern.FindingUnknown
	warned  = postern.FindingWarning
	failing = postern.FindingFailure
)

// replaced gives the machine another output of dsregcmd.
func replaced(name string) func(*testing.T, *bench) {
	return func(t *testing.T, b *bench) { b.evidence.Status = text(t, "join/testdata/"+name) }
}

const policyLine = "\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\FIDO\r\n    EnableFIDODeviceLogon    REG_DWORD    0x0\r\n"

func added(lines string) func(*testing.T, *bench) {
	return func(_ *testing.T, b *bench) { b.evidence.Registry = append(b.evidence.Registry, lines...) }
}

var entraRows = []row{
	{name: "Windows 10 1809", change: registry("CurrentBuild    REG_SZ    26200", "CurrentBuild    REG_SZ    17763"), check: "system", state: failing, next: "Update Windows"},
	{name: "Windows 10 1903", change: registry("CurrentBuild    REG_SZ    26200", "CurrentBuild    REG_SZ    18362"), check: "windows version", state: failing, next: "serviced"},
	{name: "Windows 10 22H2, whose servicing has ended", change: registry("CurrentBuild    REG_SZ    26200", "CurrentBuild    REG_SZ    19045"), check: "windows version", state: warned, next: "Update Windows"},
	{name: "no update since summer", change: devices("2026-11-12", "2026-08-01"), check: "windows version", state: warned, next: "Windows Update"},
	{name: "Windows Server", change: registry("ProductType    REG_SZ    WinNT", "ProductType    REG_SZ    ServerNT"), check: "system", state: warned, next: "workstation"},
	{name: "S mode", change: registry("VerifiedAndReputablePolicyState    REG_DWORD    0x0", "SkuPolicyRequired    REG_DWORD    0x1"), check: "windows edition", state: failing, next: "Switch out of S mode"},
	{name: "Home edition", change: registry("EditionID    REG_SZ    Enterprise", "EditionID    REG_SZ    Core"), check: "windows edition", state: noted, next: "Pro, Enterprise"},
	{name: "macOS", change: func(_ *testing.T, b *bench) { b.facts.GOOS = "darwin" }, check: "system", state: failing, next: "extension"},
	{name: "joined to Active Directory alone", change: replaced("ad.txt"), check: "join state", state: warned, next: "hybrid joined"},
	{name: "joined to nothing", change: replaced("none.txt"), check: "join state", state: noted, next: "Join the machine to Entra"},
	{name: "on its way to a hybrid join", change: replaced("pending.txt"), check: "join state", state: warned, next: "Entra Connect"},
	{name: "only registered", change: replaced("registered.txt"), check: "join state", state: noted, next: "Join this device"},
	{name: "dsregcmd fails", change: func(_ *testing.T, b *bench) { b.evidence.StatusError = "dsregcmd: exit status 1" }, check: "join state", state: unsure, next: "dsregcmd /status"},
	{name: "device disabled in Entra", change: status("DeviceAuthStatus : SUCCESS", "DeviceAuthStatus : FAILED. Device is either disabled or deleted"), check: "device registration", state: failing, next: "enable the device"},
	{name: "the machine's key does not sign", change: status("KeySignTest : PASSED", "KeySignTest : FAILED (device key) [0xd0048451]"), check: "device registration", state: failing, next: "Sign out and in"},
	{name: "no sign-in token", change: status("AzureAdPrt : YES", "AzureAdPrt : NO\r\n            Attempt Status : 0xc000006d\r\n           Credential Type : Password\r\n  Server Error Description : AADSTS50126: Error validating credentials."), check: "sign-in token", state: warned, next: "AADSTS"},
	{name: "sign-in token ended", change: status("2026-12-07 04:10:32.000", "2026-11-07 04:10:32.000"), check: "sign-in token", state: warned, next: "online"},
	{name: "no policy for security keys", change: registry("    UseSecurityKeyForSignin    REG_DWORD    0x1", ""), check: "windows sign-in", state: warned, next: "UseSecurityKeyForSignin set to 1"},
	{name: "MDM switches security keys off", change: registry("UseSecurityKeyForSignin    REG_DWORD    0x1", "UseSecurityKeyForSignin    REG_DWORD    0x0"), check: "windows sign-in", state: failing, next: "MDM"},
	{name: "Group Policy off, MDM on", change: added(policyLine), check: "windows sign-in", state: warned, next: "Have both say the same"},
	{name: "Group Policy on, MDM off", change: func(t *testing.T, b *bench) {
		change(t, &b.evidence.Registry, "UseSecurityKeyForSignin    REG_DWORD    0x1", "UseSecurityKeyForSignin    REG_DWORD    0x0")
		added(strings.Replace(policyLine, "0x0", "0x1", 1))(t, b)
	}, check: "windows sign-in", state: warned, next: "Have both say the same"},
	{name: "credential provider switched off", change: registry("    (Default)    REG_SZ    FIDO Credential Provider", "    (Default)    REG_SZ    FIDO Credential Provider\r\n    Disabled    REG_DWORD    0x1"), check: "credential provider", state: failing, next: "Disabled"},
	{name: "credential provider excluded by policy", change: registry("ExcludedCredentialProviders    REG_SZ    ", "ExcludedCredentialProviders    REG_SZ    {60b78e88-ead8-445c-9cfd-0b87f74ea6cd},{f8a1793b-7873-4046-b2a7-1f318747f427}"), check: "credential provider", state: failing, next: "taken out of that policy"},
	{name: "another way by default", change: registry("AllowDomainPINLogon    REG_DWORD    0x0", "DefaultCredentialProvider    REG_SZ    {60b78e88-ead8-445c-9cfd-0b87f74ea6cd}"), check: "credential provider", state: noted, next: "Sign-in options"},
	{name: "Windows Hello comes first", change: status("NgcSet : NO", "NgcSet : YES"), check: "windows hello", state: noted, next: "choose Sign-in options"},
	{name: "no driver", change: registry(`Services\usbip2_ude`, `Services\another`), check: "driver", state: failing, next: "Install usbip-win2"},
	{name: "driver not signed", change: devices(`"Service":"usbip2_ude","ConfigManagerErrorCode":0`, `"Service":"usbip2_ude","ConfigManagerErrorCode":52`), check: "driver", state: failing, next: "Microsoft has signed"},
	{name: "driver disabled", change: devices(`"Service":"usbip2_ude","ConfigManagerErrorCode":0`, `"Service":"usbip2_ude","ConfigManagerErrorCode":22`), check: "driver", state: failing, next: "Device Manager"},
	{name: "driver too old", change: devices(`0.9.7.7`, `0.9.6.1`), check: "driver", state: warned, next: "0.9.7"},
	{name: "driver not running", change: devices(`"usbip2_ude","State":"Running"`, `"usbip2_ude","State":"Stopped"`), check: "driver", state: failing, next: "Restart"},
	{name: "PowerShell is barred", change: func(_ *testing.T, b *bench) { b.evidence.DevicesError = "PowerShell did not run: exit status 1" }, check: "driver", state: unsure, next: "Device Manager"},
	{name: "a YubiKey besides", change: devices(`VID_1209&PID_5057\\7`, `VID_1050&PID_0407\\7`), check: "other keys", state: warned, next: "Unplug"},
	{name: "no TPM", change: devices(`"PNPClass":"SecurityDevices"`, `"PNPClass":"System"`), check: "tpm", state: noted, next: "firmware"},
	{name: "no Bluetooth", change: devices(`"PNPDeviceID":"USB\\VID_8087`, `"PNPDeviceID":"BTHENUM\\VID_8087`), check: "bluetooth", state: noted, next: "adapter"},
	{name: "Bluetooth service stopped", change: devices(`"bthserv","State":"Running"`, `"bthserv","State":"Stopped"`), check: "bluetooth", state: noted, next: "Bluetooth Support Service"},
	{name: "flight mode", change: registry("(Default)    REG_DWORD    0x0", "(Default)    REG_DWORD    0x1"), check: "bluetooth", state: noted, next: "Switch it on"},
	{name: "only Firefox", change: func(t *testing.T, b *bench) {
		change(t, &b.evidence.Registry, "    pv    REG_SZ    142.0.7444.176", "")
		change(t, &b.evidence.Registry, "    pv    REG_SZ    142.0.3595.94", "")
		added("\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Mozilla\\Mozilla Firefox\r\n    CurrentVersion    REG_SZ    145.0.1 (x64 en-US)\r\n")(t, b)
	}, check: "browser", state: warned, subject: "firefox", next: "Edge or Chrome"},
	{name: "an old Chrome", change: registry("142.0.7444.176", "109.0.5414.168"), check: "browser", state: warned, subject: "chrome", next: "Update"},
	{name: "extensions blocked in Edge", change: added("\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Edge\\ExtensionInstallBlocklist\r\n    1    REG_SZ    *\r\n"), check: "browser extension", state: warned, subject: "edge", next: "ExtensionInstallAllowlist"},
	{name: "extension forced in Chrome", change: added("\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Google\\Chrome\\ExtensionInstallForcelist\r\n    1    REG_SZ    eaiabablbilcpegihlomhlbcehmbdodf;https://updates.example.com/\r\n"), check: "browser extension", state: noted, subject: "chrome", next: "Pair the phone in the extension"},
	{name: "over Remote Desktop", change: fact(func(f *doctor.Facts) {
		f.View.Remote = &agent.Problem{Message: "You work here over Remote Desktop.", Next: "Choose web sign-in."}
	}), check: "remote session", state: noted, next: "web sign-in"},
	{name: "over Remote Desktop, without WebAuthn", change: func(t *testing.T, b *bench) {
		b.facts.View.Remote = &agent.Problem{Message: "You work here over Remote Desktop.", Next: "Choose web sign-in."}
		added("\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Terminal Services\r\n    fDisableWebAuthn    REG_DWORD    0x1\r\n")(t, b)
	}, check: "remote session", state: warned, subject: "redirection", next: "Do not allow WebAuthn redirection"},
	{name: "a virtual desktop", change: status("Virtual Desktop : NOT SET", "Virtual Desktop : YES\r\n                  Provider : Citrix"), check: "remote session", state: warned, subject: "virtual desktop", next: "machine you sit at"},
}

var hybridRows = []row{
	{name: "Windows 10 1909", change: registry("CurrentBuild    REG_SZ    26200", "CurrentBuild    REG_SZ    18363"), check: "windows version", state: failing, next: "serviced"},
	{name: "no ticket for the domain", change: status("OnPremTgt : YES", "OnPremTgt : NO"), check: "domain ticket", state: failing, next: "Domain Admins"},
	{name: "no domain controller in reach", change: func(t *testing.T, b *bench) {
		b.evidence.Controller = text(t, "doctor/printed/testdata/nltest_none.txt")
	}, check: "domain controller", state: warned, next: "VPN"},
	{name: "a domain controller without the patch", change: func(t *testing.T, b *bench) { change(t, &b.evidence.Controller, " KEYLIST", "") }, check: "domain controller", state: warned, next: "KB4534307"},
	{name: "nltest does not run", change: func(_ *testing.T, b *bench) { b.evidence.Controller = nil }, check: "domain controller", state: unsure, next: "nltest /dsgetdc:CONTOSO"},
	{name: "Group Policy switches security keys off", change: registry("\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Policies\\PassportForWork\\SecurityKey\r\n    UseSecurityKeyForSignin    REG_DWORD    0x1\r\n", policyLine), check: "windows sign-in", state: failing, next: "gpupdate"},
}

var linuxRows = []row{
	{name: "the service does not run", change: fact(func(f *doctor.Facts) { f.Running = false }), check: "service", state: failing, next: "systemctl start"},
	{name: "not enrolled", change: fact(func(f *doctor.Facts) { f.View, f.Net = agent.View{Name: "DESKTOP-7"}, doctor.Net{} }), check: "enrolment", state: failing, next: "enroll --server"},
	{name: "an agent of another release", change: fact(func(f *doctor.Facts) { f.View.Software = "postern-agent v0.9.0" }), check: "software version", state: warned, next: "control center's release"},
	{name: "the name does not resolve", change: fact(func(f *doctor.Facts) { f.Net.DNS = "no such host" }), check: "network", state: failing, next: "VPN"},
	{name: "a firewall", change: fact(func(f *doctor.Facts) { f.Net.TCP = "connection refused" }), check: "network", state: failing, next: "HTTPS_PROXY"},
	{name: "a proxy opens TLS", change: fact(func(f *doctor.Facts) { f.Net.TLS = "unknown authority" }), check: "network", state: failing, next: "authority"},
	{name: "a login page", change: fact(func(f *doctor.Facts) { f.Net.HTTP = "302 Found" }), check: "network", state: failing, next: "login page"},
	{name: "the clock is behind", change: fact(func(f *doctor.Facts) { f.Net.Ahead = 5 * time.Minute }), check: "clock", state: failing, next: "set-ntp"},
	{name: "no WebSockets", change: fact(func(f *doctor.Facts) { f.Net.Relay = "403 Forbidden" }), check: "relay", state: failing, next: "WebSockets"},
	{name: "the integration is DISABLED", change: fact(func(f *doctor.Facts) {
		f.View.Notice = &agent.Problem{Code: postern.CodeIntegrationDisabled, Message: "The integration is DISABLED."}
	}), check: "integration", state: failing, next: "enable the integration"},
	{name: "no phone", change: fact(func(f *doctor.Facts) { f.View.Phones = nil }), check: "phones", state: warned, next: "pair"},
	{name: "the domain of the account is not accepted", change: fact(func(f *doctor.Facts) {
		f.View.Phones = []agent.Phone{{Name: "Pixel", UPN: "alex@fabrikam.com", Key: agent.KeyIn, Serial: "1", Problem: &agent.Problem{Code: postern.CodeDomainRefused, Message: "The domain is not accepted.", Next: "Ask an administrator."}}}
	}), check: "phones", state: failing, next: "administrator"},
	{name: "no module uhid", change: fact(func(f *doctor.Facts) { f.Door.Missing = true }), check: "driver", state: failing, next: "modprobe uhid"},
	{name: "no rule of udev", change: fact(func(f *doctor.Facts) { f.Running, f.Door.Denied, f.Door.Rule = false, true, false }), check: "driver", state: failing, next: "70-postern-uhid.rules", also: []string{"service"}},
	{name: "the key is not shown", change: fact(func(f *doctor.Facts) { f.Keys = nil }), check: "virtual key", state: failing, next: "dmesg"},
	{name: "a reader for smart cards", change: func(_ *testing.T, b *bench) {
		b.sysfs["sys/bus/usb/devices/1-2:1.0/bInterfaceClass"] = &fstest.MapFile{Data: []byte("0b\n")}
		b.sysfs["sys/bus/usb/devices/1-2/product"] = &fstest.MapFile{Data: []byte("ACR122U\n")}
	}, check: "other keys", state: noted, next: "Take cards and keys off"},
	{name: "a browser in a snap", change: fact(func(f *doctor.Facts) {
		f.Browsers = []doctor.Browser{{Name: "chromium", Confined: true}}
	}), check: "browser", state: warned, subject: "chromium", next: "u2f-devices"},
	{name: "cable.ua5v.com is blocked", change: fact(func(f *doctor.Facts) {
		f.Tunnels = []doctor.Reach{{Host: doctor.Tunnels[0], TCP: "i/o timeout"}, f.Tunnels[1]}
	}), check: "cross-device passkeys", state: warned, subject: "cable.ua5v.com", next: "port 443"},
	{name: "cable.auth.com is not known", change: fact(func(f *doctor.Facts) {
		f.Tunnels = []doctor.Reach{f.Tunnels[0], {Host: doctor.Tunnels[1], DNS: "no such host"}}
	}), check: "cross-device passkeys", state: warned, subject: "cable.auth.com", next: "resolved"},
	{name: "TLS of cable.auth.com is opened", change: fact(func(f *doctor.Facts) {
		f.Tunnels = []doctor.Reach{f.Tunnels[0], {Host: doctor.Tunnels[1], TLS: "unknown authority"}}
	}), check: "cross-device passkeys", state: warned, subject: "cable.auth.com", next: "Exempt"},
	{name: "Bluetooth is switched off", change: func(_ *testing.T, b *bench) {
		b.sysfs["sys/class/rfkill/rfkill0/soft"] = &fstest.MapFile{Data: []byte("1\n")}
	}, check: "bluetooth", state: noted, next: "Switch it on"},
}

var domainRows = []row{
	{name: "Server 2019 without KB4534321", change: domainText(`"Revision":  7009`, `"Revision":  973`), check: "domain controllers", state: failing, subject: "DC01.corp.contoso.com", next: "KB4534321"},
	{name: "Server 2016 without KB4534307", change: domainText(`"Revision":  7515`, `"Revision":  3443`), check: "domain controllers", state: failing, subject: "DC02.corp.contoso.com", next: "KB4534307"},
	{name: "Server 2012 R2", change: domainText(`"Build":  14393`, `"Build":  9600`), check: "domain controllers", state: failing, subject: "DC02.corp.contoso.com", next: "Windows Server 2016 or later"},
	{name: "a domain controller that does not answer", change: domainText("],\n                            \"EncryptionTypes\":  null,\n                            \"Error\":  \"\"", "],\n                            \"Error\":  \"WinRM cannot complete the operation.\""), check: "domain controllers", state: unsure, subject: "DC02.corp.contoso.com", next: "winrm"},
	{name: "no AES256_HMAC_SHA1", change: domainText("2147483640", "12"), check: "kerberos encryption", state: failing, subject: "DC01.corp.contoso.com", next: "Tick AES256_HMAC_SHA1"},
	{name: "keys of different versions", change: domainText(`"CloudKeyVersion":  "27591"`, `"CloudKeyVersion":  "21261"`), check: "entra kerberos", state: failing, next: "-RotateServerKey"},
	{name: "not published to Entra", change: domainText(`"CloudId":  "17530"`, `"CloudId":  ""`), check: "entra kerberos", state: failing, next: "publishes"},
	{name: "another object in Entra", change: domainText(`"CloudId":  "17530"`, `"CloudId":  "11637"`), check: "entra kerberos", state: failing, next: "Remove-AzureADKerberosServer"},
	{name: "an old key", change: domainText(`"KeyUpdatedOn":  "2026-09-13T21:23:43Z"`, `"KeyUpdatedOn":  "2024-06-23T20:05:44Z"`), check: "entra kerberos key", state: warned, next: "-RotateServerKey"},
	{name: "administrators are not refused", change: func(t *testing.T, b *bench) {
		for _, group := range []string{"CN=Denied RODC Password Replication Group,CN=Users", "CN=Domain Admins,CN=Users", "CN=Administrators,CN=Builtin"} {
			change(t, &b.report, group, "CN=Guests,CN=Builtin")
		}
	}, check: "administrators", state: warned, next: "msDS-NeverRevealGroup"},
	{name: "an administrator tries", change: domainText(`"CN=Domain Users,CN=Users,DC=corp,DC=contoso,DC=com"
                                    ]`, `"CN=Domain Admins,CN=Users,DC=corp,DC=contoso,DC=com"
                                    ]`), check: "domain accounts", state: failing, subject: "alex", next: "ordinary account"},
	{name: "an account that the server object does not let in", change: domainText(`"RevealOnDemand":  [
                                          "CN=Domain Users`, `"RevealOnDemand":  [
                                          "CN=Key Users`), check: "domain accounts", state: warned, subject: "alex", next: "msDS-RevealOnDemandGroup"},
	{name: "an expired password", change: domainText(`"PasswordExpired":  false`, `"PasswordExpired":  true`), check: "domain accounts", state: failing, subject: "alex", next: "password"},
	{name: "an old report", change: domainText("2026-11-20T09:12:44Z", "2026-10-01T09:12:44Z"), check: "domain report", state: warned, next: "Run the script again"},
}
