package doctor

import (
	"context"
	"os"
	"path/filepath"

	sys "golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

func door(socket string) Door {
	if socket != "usbip" {
		return Door{}
	}
	d := Door{Looked: true, Path: filepath.Join(os.Getenv("ProgramFiles"), "USBip", "usbip.exe")}
	_, err := os.Stat(d.Path)
	d.Missing = err != nil
	return d
}

// readable is not asked: Windows speaks to security keys itself.
func readable(string) bool { return true }

func browsers(context.Context) (all, confined []string) { return nil, nil }

// Where the policies are. Nothing is written there.
const (
	fidoPolicy  = `SOFTWARE\Policies\Microsoft\FIDO`
	helloPolicy = `SOFTWARE\Policies\Microsoft\PassportForWork`
	mdmSecurity = `SOFTWARE\Microsoft\Policies\PassportForWork\SecurityKey`
	// provider is the credential provider for security keys.
	provider = `SOFTWARE\Microsoft\Windows\CurrentVersion\Authentication\Credential Providers\{F8A1793B-7873-4046-B2A7-1F318747F427}`
)

func windows() Windows {
	w := Windows{Build: uint64(sys.RtlGetVersion().BuildNumber)}
	w.SignInKeys = value(fidoPolicy, "EnableFIDODeviceLogon")
	if w.SignInKeys == nil {
		w.SignInKeys = value(mdmSecurity, "UseSecurityKeyForSignin")
	}
	w.PolicyHello = value(helloPolicy, "Enabled")
	if disabled := value(provider, "Disabled"); disabled != nil {
		on := *disabled == 0
		w.Provider = &on
	}
	return w
}

func value(path, name string) *uint64 {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, path, registry.QUERY_VALUE)
	if err != nil {
		return nil
	}
	defer key.Close()
	v, _, err := key.GetIntegerValue(name)
	if err != nil {
		return nil
	}
	return &v
}
