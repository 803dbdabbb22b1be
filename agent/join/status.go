package join

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/postern/postern"
)

// Status is what `dsregcmd /status` says of a machine, in its block "Device State".
type Status struct {
	State postern.JoinState
	// EnterpriseJoined is the machine's registration with an on-premises device registration service, as read. It changes
	// nothing about State.
	EnterpriseJoined bool
	DeviceName       string // as Windows knows the machine; empty where it is not told
}

// ErrNoDeviceState means that the text has no readable block "Device State".
var ErrNoDeviceState = errors.New("dsregcmd told nothing of the device's state")

// ErrNotWindows means that there is no join state to speak of: only Windows joins a machine to Entra.
var ErrNotWindows = errors.New("join states exist on Windows alone")

// Bounds of the text, far above what Windows prints.
const (
	maxStatus = 256 << 10
	maxLine   = 4 << 10
	maxName   = 256
)

// The text is in English whatever the language of Windows is. Blocks have a heading in a frame:
//
//	+----------------------------------------------------------------------+
//	| Device State                                                         |
//	+----------------------------------------------------------------------+
//
//	             AzureAdJoined : YES
//	          EnterpriseJoined : NO
//	              DomainJoined : NO
//	               Device Name : machine.contoso.com
const deviceState = "Device State"

// Parse reads the output of `dsregcmd /status`. Both AzureAdJoined and DomainJoined have to be told, each as YES or NO; lines
// and blocks it does not know are passed over.
func Parse(text []byte) (Status, error) {
	if len(text) > maxStatus {
		return Status{}, fmt.Errorf("%w: %d bytes of text", ErrNoDeviceState, len(text))
	}
	fields, err := deviceFields(text)
	if err != nil {
		return Status{}, err
	}
	entra, err := yes(fields, "AzureAdJoined")
	if err != nil {
		return Status{}, err
	}
	domain, err := yes(fields, "DomainJoined")
	if err != nil {
		return Status{}, err
	}
	s := Status{State: state(entra, domain), DeviceName: fields["Device Name"]}
	if _, told := fields["EnterpriseJoined"]; told {
		if s.EnterpriseJoined, err = yes(fields, "EnterpriseJoined"); err != nil {
			return Status{}, err
		}
	}
	if len(s.DeviceName) > maxName {
		s.DeviceName = ""
	}
	return s, nil
}

func state(entra, domain bool) postern.JoinState {
	switch {
	case entra && domain:
		return postern.JoinHybrid
	case entra:
		return postern.JoinEntra
	case domain:
		return postern.JoinAD
	}
	return postern.JoinNone
}

// deviceFields gives the fields of the first block "Device State". A field that is told twice is what it was told first.
func deviceFields(text []byte) (map[string]string, error) {
	fields := map[string]string{}
	inside, framed := false, false
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if heading, ok := strings.CutPrefix(line, "|"); ok {
			if inside {
				return fields, nil // the next block begins
			}
			inside = strings.TrimSpace(strings.TrimSuffix(heading, "|")) == deviceState
			framed = framed || inside
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		name = strings.TrimSpace(name)
		if _, again := fields[name]; inside && ok && !again {
			fields[name] = strings.TrimSpace(value)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoDeviceState, err)
	}
	if !framed {
		return nil, ErrNoDeviceState
	}
	return fields, nil
}

func yes(fields map[string]string, name string) (bool, error) {
	switch value, told := fields[name]; {
	case !told:
		return false, fmt.Errorf("%w: %s is missing", ErrNoDeviceState, name)
	case value == "YES":
		return true, nil
	case value == "NO":
		return false, nil
	}
	return false, fmt.Errorf("%w: %s is neither YES nor NO", ErrNoDeviceState, name)
}
