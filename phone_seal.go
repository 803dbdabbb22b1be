package postern

import (
	"crypto/ecdh"
	"crypto/hpke"
	"encoding/json"
	"errors"
)

// encapsulatedKeySize is the length of an X25519 share, which begins what is sealed to a phone.
const encapsulatedKeySize = 32

// Seal encrypts the options to a phone's X25519 key, so that neither the database nor anything between can read the
// challenge: HPKE (RFC 9180) base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and ChaCha20-Poly1305. The result
// is the encapsulated key, then the ciphertext. The provisioning's id is additional data, so that options sealed for
// one provisioning do not open as another's.
func (o ProvisioningOptions) Seal(sealKey []byte, id ProvisioningID) ([]byte, error) {
	public, err := ecdh.X25519().NewPublicKey(sealKey)
	if err != nil {
		return nil, err
	}
	recipient, err := hpke.NewDHKEMPublicKey(public)
	if err != nil {
		return nil, err
	}
	enc, sender, err := hpke.NewSender(recipient, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), []byte(PhoneSealInfo))
	if err != nil {
		return nil, err
	}
	plaintext, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	ciphertext, err := sender.Seal([]byte(id), plaintext)
	return append(enc, ciphertext...), err
}

// OpenProvisioningOptions decrypts what [ProvisioningOptions.Seal] made, with the phone's private key.
func OpenProvisioningOptions(key *ecdh.PrivateKey, id ProvisioningID, sealed []byte) (ProvisioningOptions, error) {
	var o ProvisioningOptions
	if len(sealed) < encapsulatedKeySize {
		return o, errors.New("postern: sealed options are too short")
	}
	private, err := hpke.NewDHKEMPrivateKey(key)
	if err != nil {
		return o, err
	}
	recipient, err := hpke.NewRecipient(sealed[:encapsulatedKeySize], private, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), []byte(PhoneSealInfo))
	if err != nil {
		return o, err
	}
	plaintext, err := recipient.Open([]byte(id), sealed[encapsulatedKeySize:])
	if err != nil {
		return o, err
	}
	return o, json.Unmarshal(plaintext, &o)
}
