package metadata

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/postern/postern/fido/ctap"
)

// Sizes in characters (FIDO Metadata Statement §3).
const (
	maxDescription  = 200
	maxFriendlyName = 63
)

// Check holds a statement to the rules of FIDO Metadata Statement 3 and to its
// own getInfo. It names everything that is wrong, not the first alone.
func (s *Statement) Check() error {
	return errors.Join(s.checkNames(), s.checkVersions(), s.checkAttestation(), s.checkVerification(), s.checkProtection(), s.checkPictures())
}

func (s *Statement) checkNames() error {
	printable := func(r rune) bool { return r >= ' ' && r <= '~' }
	english := s.Description != "" && len(s.Description) <= maxDescription && strings.IndexFunc(s.Description, func(r rune) bool { return !printable(r) }) < 0
	errs := []error{rule(english, "description must be 1 to %d printable ASCII characters", maxDescription)}
	if len(s.FriendlyNames) > 0 {
		errs = append(errs, rule(s.FriendlyNames["en-US"] != "", "friendlyNames lacks en-US"))
	}
	for tag, name := range s.FriendlyNames {
		n := utf8.RuneCountInString(name)
		errs = append(errs, rule(n > 0 && n <= maxFriendlyName, "friendlyNames %s must have 1 to %d characters", tag, maxFriendlyName))
	}
	for tag, text := range s.AlternativeDescriptions {
		n := utf8.RuneCountInString(text)
		errs = append(errs, rule(n > 0 && n <= maxDescription && tag != "", "alternativeDescriptions %s must have 1 to %d characters", tag, maxDescription))
	}
	return errors.Join(errs...)
}

func (s *Statement) checkVersions() error {
	g := &s.AuthenticatorGetInfo
	return errors.Join(
		rule(s.AAGUID != ctap.AAGUID{}.String(), "aaguid is zero, which names no model"),
		rule(strings.ReplaceAll(s.AAGUID, "-", "") == g.AAGUID, "aaguid differs from that of getInfo"),
		rule(len(s.UPV) > 0, "getInfo lists no FIDO2 version"),
		rule(len(s.AuthenticationAlgorithms) > 0, "getInfo lists no algorithm"),
		rule(g.FirmwareVersion == nil || *g.FirmwareVersion >= uint64(s.AuthenticatorVersion),
			"authenticatorVersion is above getInfo's firmwareVersion"),
		rule(s.AuthenticatorVersion > 0, "authenticatorVersion is missing: neither the model nor getInfo has one"),
	)
}

// certified are the attestation types that lead to a root.
var certified = []string{BasicFull, AttCA, AnonCA}

func (s *Statement) checkAttestation() error {
	errs := []error{rule(len(s.AttestationTypes) > 0, "attestationTypes is empty")}
	needsRoot := false
	for n, t := range s.AttestationTypes {
		known := slices.Contains(certified, t) || t == BasicSurrogate || t == None
		errs = append(errs, rule(known && !slices.Contains(s.AttestationTypes[:n], t), "attestation type %q is unknown or listed twice", t))
		needsRoot = needsRoot || slices.Contains(certified, t)
	}
	formats := s.AuthenticatorGetInfo.AttestationFormats
	packed := slices.Contains(formats, "packed")
	errs = append(errs,
		rule(needsRoot == (len(s.AttestationRootCertificates) > 0),
			"attestationRootCertificates must be given where a type leads to one, and only there"),
		rule(len(formats) == 0 || packed || !needsRoot, "getInfo lists no attestation format that carries certificates"),
		rule(!packed || needsRoot || slices.Contains(s.AttestationTypes, BasicSurrogate), "getInfo lists packed attestation, attestationTypes none for it"),
		rule(len(formats) == 0 || slices.Contains(formats, "none") || !slices.Contains(s.AttestationTypes, None), "getInfo does not list the format none"),
	)
	for n, text := range s.AttestationRootCertificates {
		der, err := base64.StdEncoding.DecodeString(text)
		if err == nil {
			_, err = x509.ParseCertificate(der)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("attestation root %d: %w", n, err))
		}
		errs = append(errs, rule(!slices.Contains(s.AttestationRootCertificates[:n], text), "attestation root %d is listed twice", n))
	}
	return errors.Join(errs...)
}

// methods are the ways of user verification (FIDO Registry of Predefined Values
// §3.1). "all" is not among them: a list says the same.
var methods = []string{
	"presence_internal", "fingerprint_internal", "passcode_internal", "voiceprint_internal", "faceprint_internal",
	"location_internal", "eyeprint_internal", "pattern_internal", "handprint_internal",
	"passcode_external", "pattern_external", "none",
}

func (s *Statement) checkVerification() error {
	errs := []error{rule(len(s.UserVerificationDetails) > 0, "userVerificationDetails is empty")}
	builtIn, external := false, false
	for _, together := range s.UserVerificationDetails {
		errs = append(errs, rule(len(together) > 0, "userVerificationDetails has an empty combination"))
		for _, v := range together {
			errs = append(errs,
				rule(slices.Contains(methods, v.Method), "user verification method %q is unknown", v.Method),
				rule(v.Code == nil || v.Code.Base >= 2 && v.Code.MinLength > 0, "caDesc of %s needs a base of 2 or more and a length", v.Method),
				rule(v.Code == nil || strings.HasPrefix(v.Method, "passcode_"), "%s is no passcode and has a caDesc", v.Method),
				rule(v.Method != "none" || len(together) == 1, "the method none stands together with another"),
			)
			builtIn = builtIn || strings.HasSuffix(v.Method, "_internal") && v.Method != "presence_internal"
			external = external || v.Method == "passcode_external"
		}
	}
	_, pin := s.AuthenticatorGetInfo.Options[ctap.OptionClientPIN]
	_, uv := s.AuthenticatorGetInfo.Options[ctap.OptionUV]
	return errors.Join(append(errs,
		rule(!uv || builtIn, "getInfo has the option uv, userVerificationDetails no method of the authenticator's own"),
		rule(uv || !builtIn, "userVerificationDetails has a method of the authenticator's own, getInfo not the option uv"),
		rule(pin == external, "the option clientPin of getInfo and the method passcode_external go together"),
	)...)
}

func (s *Statement) checkProtection() error {
	key := func(name string) bool { return slices.Contains(s.KeyProtection, name) }
	hint := func(name string) bool { return slices.Contains(s.AttachmentHint, name) }
	errs := []error{
		rule(key("software") != key("hardware"), "keyProtection must have either software or hardware"),
		rule(key("hardware") || !key("tee") && !key("secure_element"), "keyProtection has tee or secure_element without hardware"),
		rule(!key("tee") || !key("secure_element"), "keyProtection has both tee and secure_element"),
		rule(len(s.MatcherProtection) > 0, "matcherProtection is empty"),
		rule(s.CryptoStrength > 0, "cryptoStrength is missing"),
		rule(hint("internal") != hint("external"), "attachmentHint must have either internal or external"),
		rule(!hint("internal") || len(s.AttachmentHint) == 1, "attachmentHint internal stands alone"),
		rule(hint("internal") == s.AuthenticatorGetInfo.Options[ctap.OptionPlatform], "attachmentHint differs from the option plat of getInfo"),
		rule(!hint("nfc") && !hint("bluetooth") && !hint("network") || hint("wireless") || hint("wired"), "attachmentHint lacks wired or wireless"),
		rule(len(s.TCDisplay) == 0, "tcDisplay is for transaction confirmation, which FIDO2 has not"),
		rule(slices.Contains([]string{"unsupported", "explicit", "implicit"}, s.MultiDeviceCredentialSupport),
			"multiDeviceCredentialSupport must be unsupported, explicit or implicit"),
	}
	errs = append(errs, known("keyProtection", s.KeyProtection, "software", "hardware", "tee", "secure_element", "remote_handle"))
	errs = append(errs, known("matcherProtection", s.MatcherProtection, "software", "tee", "on_chip"))
	errs = append(errs, known("attachmentHint", s.AttachmentHint,
		"internal", "external", "wired", "wireless", "nfc", "bluetooth", "network", "ready", "wifi_direct"))
	return errors.Join(errs...)
}

func known(name string, values []string, all ...string) error {
	for n, v := range values {
		if !slices.Contains(all, v) || slices.Contains(values[:n], v) {
			return fmt.Errorf("%s has %q, which is unknown or listed twice", name, v)
		}
	}
	return nil
}

const (
	pngURL  = "data:image/png;base64,"
	svgURL  = "data:image/svg+xml;base64,"
	pngSign = "\x89PNG\r\n\x1a\n"
)

func (s *Statement) checkPictures() error {
	onlySVG := s.IconDark != "" || s.ProviderLogoLight != "" || s.ProviderLogoDark != ""
	var errs []error
	for name, picture := range map[string]string{
		"icon": s.Icon, "iconDark": s.IconDark, "providerLogoLight": s.ProviderLogoLight, "providerLogoDark": s.ProviderLogoDark,
	} {
		if picture == "" {
			continue
		}
		if err := checkPicture(picture, onlySVG); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func checkPicture(url string, onlySVG bool) error {
	png, isPNG := strings.CutPrefix(url, pngURL)
	svg, isSVG := strings.CutPrefix(url, svgURL)
	if !isPNG && !isSVG || isPNG && onlySVG {
		return fmt.Errorf("must begin with %s, or %s where there is one picture", svgURL, pngURL)
	}
	if isPNG {
		data, err := base64.StdEncoding.DecodeString(png)
		return errors.Join(err, rule(bytes.HasPrefix(data, []byte(pngSign)), "holds no PNG"))
	}
	data, err := base64.StdEncoding.DecodeString(svg)
	if err != nil {
		return err
	}
	for d := xml.NewDecoder(bytes.NewReader(data)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return errors.New("holds no SVG")
		}
		if err != nil {
			return err
		}
		if start, ok := token.(xml.StartElement); ok {
			return rule(start.Name.Local == "svg", "holds no SVG")
		}
	}
}
