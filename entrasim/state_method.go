package entrasim

import (
	"fmt"
	"slices"
	"time"
)

// Method is an authentication method of a user other than a passkey or a password. The emulator lists it and reports it;
// nobody can sign in with it here.
type Method struct {
	// Kind is the name the registration report gives it, such as "microsoftAuthenticatorPush".
	Kind    string    `json:"kind"`
	ID      string    `json:"id"`
	Created time.Time `json:"created"`
}

// methodKind is what Graph shows of a kind of method.
type methodKind struct {
	resource     string // authenticationMethod resource type
	id           string // of the kinds whose id is the same for everybody
	strong       bool   // counts for multifactor authentication
	passwordless bool
	members      func(u *User, m *Method) object
}

// methodKinds are the kinds a user can hold, by the name of the registration report. Fixed ids are those of the Microsoft
// Graph documentation.
var methodKinds = map[string]methodKind{
	"microsoftAuthenticatorPush":         {"microsoftAuthenticatorAuthenticationMethod", "", true, false, appMembers},
	"microsoftAuthenticatorPasswordless": {"microsoftAuthenticatorAuthenticationMethod", "", true, true, appMembers},
	"softwareOneTimePasscode":            {"softwareOathAuthenticationMethod", "", true, false, func(*User, *Method) object { return object{"secretKey": nil} }},
	"hardwareOneTimePasscode":            {"hardwareOathAuthenticationMethod", "", true, false, func(*User, *Method) object { return object{"device": nil} }},
	"windowsHelloForBusiness": {"windowsHelloForBusinessAuthenticationMethod", "", true, true, func(u *User, _ *Method) object {
		return object{"displayName": "DESKTOP-" + u.ID[:6], "keyStrength": "normal"}
	}},
	"macOsSecureEnclaveKey": {"platformCredentialAuthenticationMethod", "", true, true, func(u *User, _ *Method) object {
		return object{"displayName": "MAC-" + u.ID[:6], "keyStrength": "normal", "platform": "macOS"}
	}},
	"mobilePhone":          {"phoneAuthenticationMethod", "3179e48a-750b-4051-897c-87b9720928f7", true, false, phoneMembers("mobile")},
	"alternateMobilePhone": {"phoneAuthenticationMethod", "b6332ec1-7057-4abe-9331-3d72feddfe41", true, false, phoneMembers("alternateMobile")},
	"officePhone":          {"phoneAuthenticationMethod", "e37fc753-ff3b-4958-9484-eaa9425c82bc", true, false, phoneMembers("office")},
	"email": {"emailAuthenticationMethod", "3ddfcfc8-9383-446f-83cc-3ab9be4be18f", false, false, func(u *User, _ *Method) object {
		return object{"emailAddress": u.Mail}
	}},
}

func appMembers(u *User, m *Method) object {
	return object{"displayName": "Phone of " + u.GivenName, "deviceTag": "SoftwareTokenActivated", "phoneAppVersion": "6.2508.5432", "createdDateTime": shown(m.Created)}
}

func phoneMembers(kind string) func(*User, *Method) object {
	return func(u *User, _ *Method) object {
		number := u.MobilePhone
		if number == "" {
			number = "+44 7700 900000"
		}
		return object{"phoneNumber": number, "phoneType": kind, "smsSignInState": "notAllowedByPolicy"}
	}
}

// newMethods makes methods of the named kinds.
func newMethods(id func() string, created time.Time, kinds []string) ([]*Method, error) {
	var list []*Method
	for _, name := range kinds {
		k, ok := methodKinds[name]
		switch {
		case !ok:
			return nil, fmt.Errorf("unknown authentication method %q: name it as userRegistrationDetails does, such as microsoftAuthenticatorPush", name)
		case slices.ContainsFunc(list, func(m *Method) bool { return m.Kind == name }):
			return nil, fmt.Errorf("the authentication method %q is named twice", name)
		}
		m := &Method{Kind: name, ID: k.id, Created: created.UTC().Truncate(time.Second)}
		if m.ID == "" {
			m.ID = id()
		}
		list = append(list, m)
	}
	return list, nil
}

// setMethods replaces the methods of a user; one that was there already stays the one it was.
func (u *User) setMethods(list []*Method) {
	for i, m := range list {
		for _, old := range u.Methods {
			if old.Kind == m.Kind {
				list[i] = old
			}
		}
	}
	u.Methods = list
}

// showMethod builds the authenticationMethod of Graph.
func showMethod(u *User, m *Method) object {
	k := methodKinds[m.Kind]
	out := k.members(u, m)
	out["@odata.type"], out["id"] = "#microsoft.graph."+k.resource, m.ID
	if k.id == "" {
		out["createdDateTime"] = shown(m.Created)
	}
	return out
}
