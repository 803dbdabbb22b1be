package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io/fs"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
)

// installerOf makes an installer of a program that stands for the agent.
func installerOf(t *testing.T, program []byte, version string, architecture postern.Architecture) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, agentProgram), program, 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "Postern-"+version+"_"+string(architecture)+".msi")
	if err := pack(context.Background(), dir, version, architecture, path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMain(m *testing.M) {
	if err := os.Chdir("../.."); err != nil { // where make runs it
		panic(err)
	}
	m.Run()
}

func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.ReplaceAll(string(out), "\r", "")
}

// TestTables reads back what Windows Installer will do.
func TestTables(t *testing.T) {
	path := installerOf(t, []byte("MZ the agent"), "v1.4.2", postern.ArchitectureX64)
	for table, rows := range map[string][]string{
		"Property": {
			"ProductVersion\t1.4.2", "ALLUSERS\t1", "UpgradeCode\t{6F9D1C1E-33B4-4B7E-9C1F-6E5B2B9D7A10}", "ProductName\tPostern Desktop Client",
			"SecureCustomProperties\tWIX_DOWNGRADE_DETECTED;WIX_UPGRADE_DETECTED;SERVER;INSTALLTOKEN;INTEGRATION;KEEPSTATE\n", "MsiHiddenProperties\tINSTALLTOKEN\n",
		},
		"Registry": {
			"ServerValue\t2\tSOFTWARE\\Postern\\Agent\tServer\t[SERVER]\tServer\n", "InstallTokenValue\t2\tSOFTWARE\\Postern\\Agent\tInstallToken\t[INSTALLTOKEN]\tToken\n",
			"IntegrationValue\t2\tSOFTWARE\\Postern\\Agent\tIntegration\t[INTEGRATION]\tIntegration\n",
			"\tEventMessageFile\t#%%SystemRoot%\\System32\\EventCreate.exe\tEvents\n", "\tTypesSupported\t#7\tEvents\n",
		},
		"ActionText":      {"WriteRegistryValues\tWriting system registry values\tKey: [1], Name: [2]\n"}, // no value: it would be in logs
		"CustomAction":    {"ForgetState\t51\tSTATEGONE\t[CommonAppDataFolder]Postern\\Agent\\"},
		"LaunchCondition": {"NOT WIX_DOWNGRADE_DETECTED\tA newer Postern Desktop Client is installed already."},
		"RemoveFile":      {"State8\tState\t*\tSTATEGONE\t2\n", "\tPOSTER~1.JSO|postern.json\tSTATEGONE\t2\n", "StateItself\tState\t\tSTATEGONE\t2\n", "Vendor\tState\t\tDATAVENDOR\t2\n"},
		"File":            {"postern-agent.exe\t12"},
		"Directory":       {"INSTALLDIR\tProgramFiles64Folder\tPostern", "DATADIR\tDATAVENDOR\tAgent", "DATAVENDOR\tCommonAppDataFolder\tPostern"},
		"Component":       {"\nServer\t{0A7D7C58-43B5-4C34-9B38-8E6E5E9C2E12}\tINSTALLDIR\t260\tSERVER\tServerValue\n", "\tINSTALLTOKEN\tInstallTokenValue\n", "\tINTEGRATION\tIntegrationValue\n", "Agent\t{AEF5A9E3-5C50-44F2-A4FC-5B8FB49A0EE1}\tINSTALLDIR\t256", "State\t{E6DF9F3E-94EA-43FA-B9E5-4D1F0A7AB6F1}\tDATADIR\t256"},
		"Upgrade":         {"{6F9D1C1E-33B4-4B7E-9C1F-6E5B2B9D7A10}\t\t1.4.2\t\t513\t\tWIX_UPGRADE_DETECTED", "{6F9D1C1E-33B4-4B7E-9C1F-6E5B2B9D7A10}\t1.4.2\t\t\t2\t\tWIX_DOWNGRADE_DETECTED"},
		"Feature":         {"Client"},
		"CreateFolder":    {"DATADIR\tState"},
		// Name, type 16 (a process of its own), start 2 (with the system), arguments.
		"ServiceInstall":         {"AgentService\tpostern-agent\tPostern Agent\t16\t2\t32769\t\t\t\t\tservice\tAgent"},
		"ServiceControl":         {"AgentControl\tpostern-agent\t163\t\t1\tAgent"},
		"MoveFile":               {"Configuration\tState\tpostern.json\tpostern.json\tSourceDir\tDATADIR\t0"},
		"MsiLockPermissionsEx":   {"StateFolder\tDATADIR\tCreateFolder\tD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)", "TokenAccess\tInstallTokenValue\tRegistry\tD:P(A;CI;KA;;;SY)(A;CI;KA;;;BA)"},
		"InstallExecuteSequence": {"ForgetState\tREMOVE=\"ALL\" AND NOT UPGRADINGPRODUCTCODE AND NOT KEEPSTATE\t750\n", "ResolveSource\t\t850", "MoveFiles\t\t3800", "StartServices\tVersionNT\t5900", "RemoveExistingProducts\t\t1401"},
	} {
		got := tool(t, "msiinfo", "export", path, table)
		for _, row := range rows {
			if !strings.Contains(got, row) {
				t.Errorf("table %s has no row %q:\n%s", table, row, got)
			}
		}
	}
	if got := tool(t, "msiinfo", "suminfo", path); !strings.Contains(got, "Template: x64;1033") || !strings.Contains(got, "1980") {
		t.Error(got)
	}
	dir := t.TempDir()
	tool(t, "msiextract", "-C", dir, path)
	if got := tool(t, "msiextract", "-l", path); !strings.HasSuffix(strings.TrimSpace(got), "Postern/"+agentProgram) {
		t.Errorf("the installer holds %s", got)
	}
	inside := ""
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == agentProgram {
			inside = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(inside); err != nil || string(got) != "MZ the agent" {
		t.Errorf("the program came out as %q, %v", got, err)
	}
}

// TestSameBytes: the same program gives the same installer, another program another product.
func TestSameBytes(t *testing.T) {
	read := func(path string) []byte {
		t.Helper()
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	first := read(installerOf(t, []byte("MZ the agent"), "v1.4.2", postern.ArchitectureARM64))
	again := installerOf(t, []byte("MZ the agent"), "v1.4.2", postern.ArchitectureARM64)
	if !bytes.Equal(first, read(again)) {
		t.Error("two installers of one program differ")
	}
	if got := tool(t, "msiinfo", "suminfo", again); !strings.Contains(got, "Template: Arm64;1033") || strings.Count(got, " 1980\n") != 2 {
		t.Error(got) // the times of the making would differ in another second
	}
	code := func(path string) string {
		_, after, _ := strings.Cut(tool(t, "msiinfo", "export", path, "Property"), "ProductCode\t")
		line, _, _ := strings.Cut(after, "\n")
		return line
	}
	other := installerOf(t, []byte("MZ another"), "v1.4.2", postern.ArchitectureARM64)
	if a, b := code(again), code(other); a == b || len(a) != 38 {
		t.Errorf("product codes %s and %s", a, b)
	}
}

// TestSigned: a certificate that is given signs.
func TestSigned(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Postern Test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := signer{certificate: filepath.Join(dir, "certificate.pem"), key: filepath.Join(dir, "key.pem")}
	for path, block := range map[string]*pem.Block{s.certificate: {Type: "CERTIFICATE", Bytes: certificate}, s.key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := installerOf(t, []byte("MZ the agent"), "v1.4.2", postern.ArchitectureX64)
	if err := s.file(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	tool(t, "osslsigncode", "verify", "-CAfile", s.certificate, "-in", path)
}

// TestGuide: every property of the command line, and every place, is in the guide.
func TestGuide(t *testing.T) {
	guide, err := os.ReadFile("docs/desktop-client.md")
	if err != nil {
		t.Fatal(err)
	}
	words := []string{"`KEEPSTATE=1`", `%ProgramFiles%\Postern\` + agentProgram, `%ProgramData%\Postern\Agent`, `HKLM\SOFTWARE\Postern\Agent`, "`postern-agent`, *Postern Agent*"}
	for _, property := range properties[:len(properties)-1] {
		words = append(words, "`"+property+"`")
	}
	for _, word := range words {
		if !bytes.Contains(guide, []byte(word)) {
			t.Errorf("the guide does not tell of %s", word)
		}
	}
}

func TestProductVersion(t *testing.T) {
	for version, want := range map[string]string{"v1.4.2": "1.4.2", "2.0.0-rc1": "2.0.0", "dev-0123456789ab": "0.0.1", "dev": "0.0.1"} {
		if got := productVersion(version); got != want {
			t.Errorf("%s is %s, want %s", version, got, want)
		}
	}
}
