//go:build !windows

package agent

// properties are a matter of Windows Installer; elsewhere there are none.
func properties() propertyStore { return noProperties{} }

type noProperties struct{}

func (noProperties) Read() (Properties, error) { return Properties{}, nil }
func (noProperties) Forget() error             { return nil }
