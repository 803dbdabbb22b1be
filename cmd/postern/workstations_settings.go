package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

type workstationSettingsCmd struct {
	named
	RequireInstallToken *bool   `help:"Whether agents enrol with an install token alone." negatable:""`
	LocalPage           *string `help:"Who may use the agent's local page: users or administrators." placeholder:"WHO"`
	LogLevel            *string `help:"debug, info, warn or error." placeholder:"LEVEL"`

	Offline        *string `help:"Whether workstations may sign in offline: on or off." placeholder:"on|off"`
	Length         *int    `help:"Digits of a code of the phone." placeholder:"N"`
	Codes          *int    `help:"How many codes a workstation takes at once." placeholder:"N"`
	Display        *int    `help:"How many seconds the phone shows a code." placeholder:"N"`
	Days           *int    `help:"How many days codes are good." placeholder:"N"`
	WarnAt         *int    `help:"Codes left at which phone and workstation warn." placeholder:"N"`
	RequireTPM     *bool   `help:"Whether a TPM has to seal the offline passkey." name:"require-tpm" negatable:""`
	Recovery       *string `help:"Whether the help desk can give out recovery codes: on or off." placeholder:"on|off"`
	RecoveryLength *int    `help:"Digits of a recovery code." placeholder:"N"`
	sure
}

// workstationSettings are both kinds of settings, which have versions of their own.
type workstationSettings struct {
	postern.DesktopSettings
	SigningIn postern.WorkstationSettings `json:"signing_in"`
}

// Run shows or changes what an integration wants of its workstations.
func (cmd *workstationSettingsCmd) Run(ctx context.Context, std cli.Streams, group *workstationsCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	var set workstationSettings
	if set.DesktopSettings, err = c.DesktopSettings(ctx, i.ID); err != nil {
		return err
	}
	if set.SigningIn, err = c.WorkstationSettings(ctx, i.ID); err != nil {
		return err
	}
	was := set.SigningIn.Offline
	offline, err := cmd.signingIn(&set.SigningIn)
	if err != nil {
		return err
	}
	if was.Enabled && !set.SigningIn.Offline.Enabled {
		if err := cmd.ask(std, "Switch offline sign-in off for "+i.ApplicationName+"? Every offline passkey is taken away."); err != nil {
			return err
		}
	} else if was.Enabled && !was.RequireTPM && set.SigningIn.Offline.RequireTPM {
		if err := cmd.ask(std, "Ask for a TPM? Every offline passkey that no TPM seals is taken away."); err != nil {
			return err
		}
	}
	if cmd.desktop(&set.DesktopSettings) {
		if set.DesktopSettings, err = c.SetDesktopSettings(ctx, i.ID, set.DesktopSettings); err != nil {
			return err
		}
	}
	if offline {
		if set.SigningIn, err = c.SetWorkstationSettings(ctx, i.ID, set.SigningIn); err != nil {
			return err
		}
		if set.SigningIn.Offline.Enabled && !was.Enabled {
			fmt.Fprintf(std.Err, "If the passkey policy of the tenant restricts models, allow %s too; postern doctor says so.\n", postern.WorkstationAAGUID)
		}
	}
	return showFields(std, group.JSON, set, set.fields()...)
}

func (cmd *workstationSettingsCmd) desktop(set *postern.DesktopSettings) bool {
	changed := change(&set.RequireInstallToken, cmd.RequireInstallToken)
	changed = change((*string)(&set.Client.LocalPage), cmd.LocalPage) || changed
	return change(&set.Client.LogLevel, cmd.LogLevel) || changed
}

func (cmd *workstationSettingsCmd) signingIn(set *postern.WorkstationSettings) (changed bool, err error) {
	for _, one := range []struct {
		flag  string
		given *string
		value *bool
	}{{"offline", cmd.Offline, &set.Offline.Enabled}, {"recovery", cmd.Recovery, &set.Recovery.Enabled}} {
		if one.given == nil {
			continue
		}
		if *one.given != "on" && *one.given != "off" {
			return false, postern.FieldErrorf(one.flag, "--%s is on or off, not %q.", one.flag, *one.given)
		}
		*one.value, changed = *one.given == "on", true
	}
	for _, one := range []struct{ value, given *int }{
		{&set.Offline.Length, cmd.Length},
		{&set.Offline.Codes, cmd.Codes},
		{&set.Offline.DisplaySeconds, cmd.Display},
		{&set.Offline.Days, cmd.Days},
		{&set.Offline.WarnAt, cmd.WarnAt},
		{&set.Recovery.Length, cmd.RecoveryLength},
	} {
		changed = change(one.value, one.given) || changed
	}
	return change(&set.Offline.RequireTPM, cmd.RequireTPM) || changed, nil
}

func (s workstationSettings) fields() []field {
	out := []field{
		{"Install token required", yesNo(s.RequireInstallToken)},
		{"Local page for", string(s.Client.LocalPage)},
		{"Log level", s.Client.LogLevel},
		{"Offline sign-in", onOff(s.SigningIn.Offline.Enabled)},
	}
	if o := s.SigningIn.Offline; o.Enabled {
		out = append(out, field{"Codes", fmt.Sprintf("%d of %d digits, good for %d days", o.Codes, o.Length, o.Days)},
			field{"Shown for", strconv.Itoa(o.DisplaySeconds) + " seconds"}, field{"Warns at", strconv.Itoa(o.WarnAt) + " left"}, field{"TPM required", yesNo(o.RequireTPM)})
	}
	out = append(out, field{"Recovery codes", onOff(s.SigningIn.Recovery.Enabled)})
	if s.SigningIn.Recovery.Enabled {
		out = append(out, field{"Recovery code", strconv.Itoa(s.SigningIn.Recovery.Length) + " digits"})
	}
	return out
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
