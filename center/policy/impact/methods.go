package impact

import (
	"strings"

	"github.com/postern/postern"
)

// Methods as the registration report of Microsoft Graph names them, folded: those that somebody can still sign in with,
// alone or beside a password, when their passkeys are gone.
var remaining = newSet([]string{
	"windowsHelloForBusiness", "macOsSecureEnclaveKey", "platformCredential",
	"microsoftAuthenticatorPush", "microsoftAuthenticatorPasswordless", "appNotification", "appCode",
	"softwareOneTimePasscode", "hardwareOneTimePasscode", "softwareOath", "hardwareOath",
	"mobilePhone", "alternateMobilePhone", "officePhone", "sms", "voice",
	"certificate", "x509Certificate", "x509CertificateSingleFactor", "x509CertificateMultiFactor", "qrCodePin", "federatedMultiFactor",
	"externalAuthMethod", "externalAuthenticationMethod",
})

// gone are those that do not count: a password alone is what passkeys replace, email and questions only reset one, and a
// Temporary Access Pass ends by itself. Other passkeys are judged as passkeys.
var gone = newSet([]string{
	"password", "appPassword", "email", "securityQuestion", "securityQuestions", "temporaryAccessPass", "temporaryAccessPassOneTime",
	"temporaryAccessPassMultiUse", "none",
})

// onlyMethod says whether passkeys are all that a user has left to sign in with.
func onlyMethod(u *postern.InventoryUser) postern.Known {
	if !u.MethodsKnown {
		return postern.Unknown
	}
	answer := postern.KnownYes
	for _, name := range u.Methods {
		switch name = fold(name); {
		case remaining.has(name):
			return postern.KnownNo
		case gone.has(name), name == caPasskey, strings.HasPrefix(name, "passkey"):
		default:
			answer = postern.Unknown
		}
	}
	return answer
}
