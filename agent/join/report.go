package join

import (
	"bufio"
	"bytes"
	"strings"
	"time"
)

// Answer is YES or NO as dsregcmd prints it; empty is not told.
type Answer string

// The answers.
const (
	Yes Answer = "YES"
	No  Answer = "NO"
)

// Report is what else of `dsregcmd /status` bears on security keys. Texts are as printed, times in UTC, and what is not
// told is empty.
type Report struct {
	Status
	DomainName string // the short name of the domain
	// Registered: accounts of an organisation were added to Windows, which joins nothing.
	Registered Answer

	DeviceAuth       string    // whether Entra still takes the machine: SUCCESS, or why not
	TPM              Answer    // the machine's key lies in a TPM
	CertificateUntil time.Time // the machine's certificate
	KeySign          string    // PASSED, or why not; told to administrators alone
	Recovery         Answer    // the machine registers itself anew at the next sign-in

	Hello      Answer    // this user has a key of Windows Hello for Business
	PRT        Answer    // this user has a primary refresh token
	PRTExpires time.Time // unless it is renewed before
	Attempt    PRTAttempt
	OnPremTGT  Answer // this user has a Kerberos ticket for the domain, from Entra
	CloudTGT   Answer

	Desktop         string // of a virtual desktop: NOT SET, YES, INVALID
	DesktopProvider string

	Joining Joining
}

// PRTAttempt is the last attempt to get a primary refresh token, where it failed.
type PRTAttempt struct {
	Status     string // an HRESULT or NTSTATUS in hexadecimal
	Credential string // Password, NGC, FIDO…
	Server     string // code and text of the server
}

// Joining is what came of the last attempt to join to Entra, where a machine of a domain is not joined.
type Joining struct {
	ADTest, SCPTest, DRSTest string // PASS, FAIL [codes], SKIPPED
	Phase                    string // pre-check, discover, auth, join
	ClientError              string
	ServerMessage            string
}

// Tried reports whether there was an attempt.
func (j Joining) Tried() bool { return j.Phase != "" || j.ClientError != "" }

// ParseReport reads the output of `dsregcmd /status` as [Parse] does, and the other blocks as far as they are there.
func ParseReport(text []byte) (Report, error) {
	status, err := Parse(text)
	if err != nil {
		return Report{}, err
	}
	all := blocks(text)
	state, device, user, sso := all[deviceState], all["Device Details"], all["User State"], all["SSO State"]
	diagnostic := all["Diagnostic Data"]
	r := Report{
		Status: status, DomainName: state["DomainName"], Registered: answer(user["WorkplaceJoined"]),
		DeviceAuth: device["DeviceAuthStatus"], TPM: answer(device["TpmProtected"]), CertificateUntil: until(device["DeviceCertificateValidity"]),
		KeySign: diagnostic["KeySignTest"], Recovery: answer(diagnostic["AadRecoveryEnabled"]),
		Hello: answer(user["NgcSet"]), PRT: answer(sso["AzureAdPrt"]), PRTExpires: moment(sso["AzureAdPrtExpiryTime"]),
		Attempt: PRTAttempt{
			Status: sso["Attempt Status"], Credential: sso["Credential Type"],
			Server: strings.TrimSpace(sso["Server Error Code"] + " " + sso["Server Error Description"]),
		},
		OnPremTGT: answer(sso["OnPremTgt"]), CloudTGT: answer(sso["CloudTgt"]),
		Desktop: state["Virtual Desktop"], DesktopProvider: state["Provider"],
		Joining: Joining{
			ADTest: diagnostic["AD Connectivity Test"], SCPTest: diagnostic["AD Configuration Test"], DRSTest: diagnostic["DRS Discovery Test"],
			Phase: diagnostic["Error Phase"], ClientError: diagnostic["Client ErrorCode"], ServerMessage: diagnostic["Server Message"],
		},
	}
	return r, nil
}

// maxBlocks bounds how many blocks are kept; Windows prints six, and one for each account that was added.
const maxBlocks = 64

// blocks gives the fields of all blocks by their headings. Of what is told twice the first counts.
func blocks(text []byte) map[string]map[string]string {
	all := map[string]map[string]string{}
	var fields map[string]string
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if heading, ok := strings.CutPrefix(line, "|"); ok {
			heading = strings.TrimSpace(strings.TrimSuffix(heading, "|"))
			fields = all[heading]
			if fields == nil && len(all) < maxBlocks {
				fields = map[string]string{}
				all[heading] = fields
			}
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		name = strings.TrimSpace(name)
		if _, again := fields[name]; ok && !again && fields != nil {
			fields[name] = strings.TrimSpace(value)
		}
	}
	return all
}

func answer(value string) Answer {
	if a := Answer(value); a == Yes || a == No {
		return a
	}
	return ""
}

// moment reads a time as dsregcmd writes it. One that cannot be read is the zero time.
func moment(value string) time.Time {
	for _, layout := range []string{"2006-01-02 15:04:05.000 UTC", "2006-01-02 15:04:05 UTC"} {
		if t, err := time.Parse(layout, value); err == nil {
			return t
		}
	}
	return time.Time{}
}

// until is the end of a validity, [ from -- until ].
func until(value string) time.Time {
	_, end, _ := strings.Cut(value, "--")
	return moment(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(end), "]")))
}
