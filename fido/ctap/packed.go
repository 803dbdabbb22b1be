package ctap

// EncodePacked gives the attestation statement of the format "packed" (WebAuthn
// §8.2) with certificates in DER, the leaf first.
func EncodePacked(alg Algorithm, signature []byte, chain [][]byte) Raw {
	size := 32 + len(signature)
	for _, certificate := range chain {
		size += 9 + len(certificate)
	}
	b := appendHead(make([]byte, 0, size), majorMap, 3)
	b = appendInt(appendText(b, "alg"), int64(alg))
	b = appendBytes(appendText(b, "sig"), signature)
	b = appendHead(appendText(b, "x5c"), majorArray, uint64(len(chain)))
	for _, certificate := range chain {
		b = appendBytes(b, certificate)
	}
	return b
}
