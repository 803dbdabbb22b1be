package agent

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/postern/postern"
)

// Properties are what was said to the installer itself. It leaves them where only administrators may read, and they are
// taken from there into the install file.
type Properties struct {
	Server       string // address of the control center
	InstallToken string
	Integration  string // identifier or application name
}

// propertyStore is where the installer leaves the properties.
type propertyStore interface {
	// Read gives what is there; nothing where there is nothing.
	Read() (Properties, error)
	// Forget takes all of it away.
	Forget() error
}

// TakeProperties takes what was said to the installer into the install file of a directory, and takes it away from where the
// installer left it. What was said counts more than what the file said before. It does nothing where nothing was said.
func TakeProperties(dir string) error { return takeProperties(properties(), dir) }

func takeProperties(from propertyStore, dir string) error {
	p, err := from.Read()
	if err != nil || p == (Properties{}) {
		return err
	}
	path := filepath.Join(dir, postern.DesktopFile)
	data, err := readInstallFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		data, err = []byte("{}"), nil
	}
	if err != nil {
		return err
	}
	if data, err = p.into(data); err != nil {
		return err
	}
	if err := makeDir(dir); err != nil {
		return err
	}
	if err := replaceFile(path, data); err != nil {
		return err
	}
	return from.Forget()
}

// into puts the properties into an install file, and leaves what they do not concern. A file that cannot be read makes room;
// of one for another control center the settings are left, and nothing of what belongs to that.
func (p Properties) into(file []byte) ([]byte, error) {
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(string(file), "\ufeff")), &members); err != nil || members == nil {
		members = map[string]json.RawMessage{}
	}
	var before string
	_ = json.Unmarshal(members["server"], &before) // what is no text is no server
	set := func(name, value string) {
		if value != "" {
			members[name], _ = json.Marshal(value) // text never fails
		}
	}
	if p.Server != "" && p.Server != before {
		for _, name := range []string{"integration_id", "application_name", "install_token"} {
			delete(members, name)
		}
	}
	if p.InstallToken != "" || p.Server != "" && p.Server != before {
		delete(members, "install_token_id")
		delete(members, "install_token_expires_at")
	}
	set("server", p.Server)
	set("integration_id", p.Integration)
	set("install_token", p.InstallToken)
	members["format"], _ = json.Marshal(postern.DesktopFileFormat)
	out, err := json.MarshalIndent(members, "", "  ")
	return append(out, '\n'), err
}

// replaceFile puts a file for this account alone in the place of another, so that nobody finds half of one.
func replaceFile(path string, data []byte) error {
	next, err := os.CreateTemp(filepath.Dir(path), ".postern-*.json")
	if err != nil {
		return err
	}
	_, err = next.Write(data)
	if err = errors.Join(err, next.Sync(), next.Close()); err == nil {
		err = os.Rename(next.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(next.Name()))
	}
	return nil
}
