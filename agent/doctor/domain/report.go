package domain

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/postern/postern"
)

// Script is what an administrator of the domain runs.
//
//go:embed domain.ps1
var Script string

// Format is the form of the file, as the file says it.
const Format = "postern-domain-report/1"

// maxReport bounds the file, far above what a domain with hundreds of controllers gives.
const maxReport = 4 << 20

// Report is what the script writes. What it could not look at has an Error in its place.
type Report struct {
	Format, Domain string
	Written        time.Time
	Controllers    []Controller
	// Server is what Get-AzureADKerberosServer tells: both halves of Entra Kerberos.
	Server      *Server
	ServerError string
	// Object is the half in the domain, as anybody may read it there.
	Object      *Object
	ObjectError string
	Accounts    []Account
}

// Controller is a domain controller.
type Controller struct {
	Name, OperatingSystem, Site string
	ReadOnly                    bool
	Build, Revision             int
	Hotfixes                    []string
	EncryptionTypes             *uint64 // by policy, as bits; nil is that no policy says
	Error                       string
}

// Server is the Entra Kerberos server object.
type Server struct {
	ID                                          string `json:"Id"`
	DomainDNSName                               string `json:"DomainDnsName"`
	ComputerAccount, UserAccount                string
	KeyVersion, CloudKeyVersion, KeyUpdatedFrom string
	KeyUpdatedOn, CloudKeyUpdatedOn             *time.Time
	CloudID                                     string `json:"CloudId"`
	CloudDomainDNSName                          string `json:"CloudDomainDnsName"`
}

// Object is the computer object AzureADKerberos, which is like a read-only domain controller.
type Object struct {
	DistinguishedName, KeyAccount string
	Enabled                       bool
	NeverReveal, RevealOnDemand   []string // distinguished names
}

// Account is somebody whose sign-in is looked at.
type Account struct {
	Name                     string
	Enabled, PasswordExpired bool
	Groups                   []string // distinguished names, with those that groups are in
	Error                    string
}

// Parse reads the file: JSON as the script writes it, in UTF-8 or, as Windows PowerShell writes it where it is redirected,
// UTF-16; or the bare text that Get-AzureADKerberosServer prints.
func Parse(file []byte) (Report, error) {
	refuse := func(format string, args ...any) error {
		return postern.FieldErrorf("domain", "The report cannot be read: "+format+".", args...).
			WithNext("Give the file that the script wrote, unchanged; postern-agent doctor --domain-script prints the script.")
	}
	if len(file) > maxReport {
		return Report{}, refuse("it has %d bytes", len(file))
	}
	text := plain(file)
	if !bytes.HasPrefix(text, []byte("{")) {
		if s, ok := parseServer(text); ok {
			return Report{Format: Format, Domain: s.DomainDNSName, Server: &s, ObjectError: "The report has the Kerberos server alone."}, nil
		}
		return Report{}, refuse("it is not JSON")
	}
	var r Report
	if err := json.Unmarshal(text, &r); err != nil {
		return Report{}, refuse("%v", err)
	}
	if r.Format != Format {
		return Report{}, refuse("its format is %.40q, not %q", r.Format, Format)
	}
	return r, nil
}

// plain is a text in UTF-8 without the mark of its encoding.
func plain(file []byte) []byte {
	if order, ok := map[string]binary.ByteOrder{"\xff\xfe": binary.LittleEndian, "\xfe\xff": binary.BigEndian}[string(file[:min(len(file), 2)])]; ok {
		units := make([]uint16, 0, len(file)/2)
		for rest := file[2:]; len(rest) > 1; rest = rest[2:] {
			units = append(units, order.Uint16(rest))
		}
		file = []byte(string(utf16.Decode(units)))
	}
	return bytes.TrimSpace(bytes.TrimPrefix(file, []byte("\xef\xbb\xbf")))
}

// parseServer reads what Get-AzureADKerberosServer prints, lines of Name : value.
func parseServer(text []byte) (Server, bool) {
	fields := map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok {
			fields[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	s := Server{
		ID: fields["Id"], DomainDNSName: fields["DomainDnsName"], ComputerAccount: fields["ComputerAccount"], UserAccount: fields["UserAccount"],
		KeyVersion: fields["KeyVersion"], CloudKeyVersion: fields["CloudKeyVersion"], KeyUpdatedFrom: fields["KeyUpdatedFrom"],
		KeyUpdatedOn: printedTime(fields["KeyUpdatedOn"]), CloudKeyUpdatedOn: printedTime(fields["CloudKeyUpdatedOn"]),
		CloudID: fields["CloudId"], CloudDomainDNSName: fields["CloudDomainDnsName"],
	}
	return s, s.ID != "" && s.KeyVersion != ""
}

// printedTime reads a time as PowerShell prints it in the United States; other forms are ambiguous and count as not told.
func printedTime(value string) *time.Time {
	t, err := time.Parse("1/2/2006 3:04:05 PM", value)
	if err != nil {
		return nil
	}
	return &t
}
