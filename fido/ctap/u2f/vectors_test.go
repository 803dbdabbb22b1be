package u2f_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"testing"

	"github.com/postern/postern/fido/ctap/u2f"
)

// The examples of FIDO U2F Raw Message Formats §8.
const (
	exampleRegisterChallenge   = "4142d21c00d94ffb9d504ada8f99b721f4b191ae4e37ca0140f696b6983cfacb"
	exampleRegisterApplication = "f0e6a6a97042a4f1f1c87f5f7d44315b2d852c2df5c7991cc66241bf7072d1c4"
	exampleRegisterResponse    = "0504b174bc49c7ca254b70d2e5c207cee9cf174820ebd77ea3c65508c26da51b657c1cc6b952f8621697936482da0a6d3d3826a59095daf6cd7c03e2e60385d2f6d9" +
		"402a552dfdb7477ed65fd84133f86196010b2215b57da75d315b7b9e8fe2e3925a6019551bab61d16591659cbaf00b4950f7abfe6660e2e006f76868b772d70c25" +
		"3082013c3081e4a003020102020a47901280001155957352300a06082a8648ce3d0403023017311530130603550403130c476e756262792050696c6f74301e170d" +
		"3132303831343138323933325a170d3133303831343138323933325a3031312f302d0603550403132650696c6f74476e756262792d302e342e312d343739303132" +
		"38303030313135353935373335323059301306072a8648ce3d020106082a8648ce3d030107034200048d617e65c9508e64bcc5673ac82a6799da3c1446682c258c" +
		"463fffdf58dfd2fa3e6c378b53d795c4a4dffb4199edd7862f23abaf0203b4b8911ba0569994e101300a06082a8648ce3d0403020347003044022060cdb6061e9c" +
		"22262d1aac1d96d8c70829b2366531dda268832cb836bcd30dfa0220631b1459f09e6330055722c8d89b7f48883b9089b88d60d1d9795902b30410df3045022014" +
		"71899bcc3987e62e8202c9b39c33c19033f7340352dba80fcab017db9230e402210082677d673d891933ade6f617e5dbde2e247e70423fd5ad7804a6d3d3961ef871" +
		"9000"

	exampleSignChallenge   = "ccd6ee2e47baef244d49a222db496bad0ef5b6f93aa7cc4d30c4821b3b9dbc57"
	exampleSignApplication = "4b0be934baebb5d12d26011b69227fa5e86df94e7d94aa2949a89f2d493992ca"
	exampleSignKey         = "04d368f1b665bade3c33a20f1e429c7750d5033660c019119d29aa4ba7abc04aa7c80a46bbe11ca8cb5674d74f31f8a903f6bad105fb6ab74aefef4db8b0025e1d"
	exampleSignResponse    = "0100000001304402204b5f0cd17534cedd8c34ee09570ef542a353df4436030ce43d406de870b847780220267bb998fac9b7266eb60e7cb0b5eabdfd5ba9614f53c7b22272ec10047a923f9000"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRegistrationExample(t *testing.T) {
	response := unhex(t, exampleRegisterResponse)
	r, err := u2f.DecodeRegisterResponse(response)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(r.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	request := &u2f.Register{Challenge: [32]byte(unhex(t, exampleRegisterChallenge)), Application: [32]byte(unhex(t, exampleRegisterApplication))}
	digest := sha256.Sum256(r.SignedMessage(request))
	if !ecdsa.VerifyASN1(cert.PublicKey.(*ecdsa.PublicKey), digest[:], r.Signature) {
		t.Error("the signature does not verify")
	}
	if !bytes.Equal(r.Encode(), response) {
		t.Error("written back it is another response")
	}
}

func TestAuthenticationExample(t *testing.T) {
	response := unhex(t, exampleSignResponse)
	r, err := u2f.DecodeAuthenticateResponse(response)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), unhex(t, exampleSignKey))
	if err != nil {
		t.Fatal(err)
	}
	request := &u2f.Authenticate{Challenge: [32]byte(unhex(t, exampleSignChallenge)), Application: [32]byte(unhex(t, exampleSignApplication))}
	digest := sha256.Sum256(r.SignedMessage(request))
	if !ecdsa.VerifyASN1(pub, digest[:], r.Signature) || r.Counter != 1 {
		t.Error("the signature does not verify")
	}
	if !bytes.Equal(r.Encode(), response) {
		t.Error("written back it is another response")
	}
}
