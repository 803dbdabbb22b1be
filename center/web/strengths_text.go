package web

import (
	"strings"

	"github.com/postern/postern"
)

// methodNames are what Microsoft's pages call authentication method modes.
var methodNames = map[string]string{
	"password": "Password", "voice": "Voice call", "hardwareOath": "Hardware OATH token", "softwareOath": "Software OATH token", "sms": "SMS",
	"fido2": "Passkeys (FIDO2)", "windowsHelloForBusiness": "Windows Hello for Business", "microsoftAuthenticatorPush": "Microsoft Authenticator (push)",
	"deviceBasedPush": "Microsoft Authenticator (phone sign-in)", "temporaryAccessPassOneTime": "Temporary Access Pass (one-time)",
	"temporaryAccessPassMultiUse": "Temporary Access Pass (multi-use)", "email": "Email one-time passcode",
	"x509CertificateSingleFactor": "Certificate (single-factor)", "x509CertificateMultiFactor": "Certificate (multifactor)",
	"federatedSingleFactor": "Federated (single-factor)", "federatedMultiFactor": "Federated (multifactor)", "qrCodePin": "QR code and PIN",
}

// combinationsText lists what a strength takes.
func combinationsText(s postern.AuthenticationStrength) string {
	var all []string
	for _, combination := range s.Combinations {
		var parts []string
		for mode := range strings.SplitSeq(combination, ",") {
			name, ok := methodNames[strings.TrimSpace(mode)]
			if !ok {
				name = strings.TrimSpace(mode)
			}
			parts = append(parts, name)
		}
		all = append(all, strings.Join(parts, " + "))
	}
	return strings.Join(all, "; ")
}

// demandedOf says of whom and where a policy demands something.
func demandedOf(t postern.TenantPolicy, a postern.ConditionalAccessPolicy) string {
	whom := directoryNames(t, a.Users.IncludeUsers, a.Users.IncludeGroups, a.Users.IncludeRoles)
	if whom == "" {
		whom = "nobody"
	}
	text := "Demanded of " + whom
	if except := directoryNames(t, a.Users.ExcludeUsers, a.Users.ExcludeGroups, a.Users.ExcludeRoles); except != "" {
		text += ", except " + except
	}
	return text + ", at " + whereText(t, a.Applications)
}

func whereText(t postern.TenantPolicy, a postern.ConditionalAccessTargets) string {
	var at []string
	for _, id := range a.Include {
		if id == "All" {
			at = append(at, "all resources")
			continue
		}
		at = append(at, directoryName(t, id))
	}
	for _, action := range a.UserActions {
		if action == postern.UserActionRegister {
			action = "registering security info"
		}
		at = append(at, action)
	}
	if len(at) == 0 {
		return "no application"
	}
	text := strings.Join(at, ", ")
	if except := directoryNames(t, a.Exclude); except != "" {
		text += ", except " + except
	}
	return text
}
