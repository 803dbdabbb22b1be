package agent

import (
	"errors"

	"golang.org/x/sys/windows/registry"
)

// propertiesKey is where the installer leaves its properties, for the system and administrators alone.
const propertiesKey = `SOFTWARE\Postern\Agent`

// properties are those that were said to Windows Installer.
func properties() propertyStore { return installed{} }

type installed struct{}

// Read implements [propertyStore].
func (installed) Read() (p Properties, err error) {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, propertiesKey, registry.QUERY_VALUE|registry.WOW64_64KEY)
	if errors.Is(err, registry.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return p, err
	}
	defer key.Close()
	for name, to := range map[string]*string{"Server": &p.Server, "InstallToken": &p.InstallToken, "Integration": &p.Integration} {
		value, _, e := key.GetStringValue(name)
		if e != nil && !errors.Is(e, registry.ErrNotExist) {
			err = errors.Join(err, e)
		}
		*to = value
	}
	return p, err
}

// Forget implements [propertyStore]. Other programs' keys beside it stay.
func (installed) Forget() error {
	err := registry.DeleteKey(registry.LOCAL_MACHINE, propertiesKey)
	if err != nil && !errors.Is(err, registry.ErrNotExist) {
		return err
	}
	_ = registry.DeleteKey(registry.LOCAL_MACHINE, `SOFTWARE\Postern`) // stays where something else is in it
	return nil
}
