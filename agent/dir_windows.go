package agent

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// makeDir makes a directory that nobody but the system and administrators may read, and the account that makes it; what is
// below %ProgramData% would be everybody's to read otherwise.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	// Protected, inherited by what lies below: full access for SYSTEM, Administrators and the owner.
	return Protect(dir, "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;OW)")
}

// Protect gives a file or directory the access list of an SDDL string, and nothing of what its parent would hand down.
func Protect(path, sddl string) error {
	descriptor, err := windows.SecurityDescriptorFromString(sddl)
	if err != nil {
		return err
	}
	access, _, err := descriptor.DACL()
	if err != nil {
		return err
	}
	return windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, access, nil)
}

// MachineDir is where the state of a machine's service lies. Windows is asked, not the environment: services are started with
// less of it, and a state in another place would be one that others may read.
func MachineDir() (string, error) {
	data, err := windows.KnownFolderPath(windows.FOLDERID_ProgramData, windows.KF_FLAG_DEFAULT)
	return filepath.Join(data, "Postern", "Agent"), err
}
