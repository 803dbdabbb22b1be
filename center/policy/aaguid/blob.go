package aaguid

import (
	"cmp"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/metadata"
	"github.com/golang-jwt/jwt/v5"

	"github.com/postern/postern"
)

// Bounds of a BLOB.
const (
	maxChain   = 6    // certificates of its signature
	maxEntries = 5000 // authenticators
)

// fidoSigner is the name of the certificate that signs FIDO's metadata. The root vouches for many others.
const fidoSigner = "mds.fidoalliance.org"

// fidoRoot is the anchor of FIDO's metadata (FIDO Metadata Service §3.2).
func fidoRoot() *x509.CertPool {
	pool := x509.NewCertPool()
	der, err := base64.StdEncoding.DecodeString(metadata.ProductionMDSRoot)
	if err != nil {
		panic(err) // it is a constant
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	pool.AddCert(root)
	return pool
}

// blobPayload is what is read of a metadata BLOB (FIDO Metadata Service §3.1.6). Icons and trust anchors are not.
type blobPayload struct {
	Number     int64       `json:"no"`
	NextUpdate string      `json:"nextUpdate"`
	Entries    []blobEntry `json:"entries"`
}

type blobEntry struct {
	AAGUID    string `json:"aaguid"`
	Statement struct {
		Description    string   `json:"description"`
		AttachmentHint []string `json:"attachmentHint"`
	} `json:"metadataStatement"`
	Reports []struct {
		Status metadata.AuthenticatorStatus `json:"status"`
	} `json:"statusReports"`
}

// looksLikeBLOB reports whether content is a JWS in compact form rather than JSON (RFC 7515 §3.1).
func looksLikeBLOB(content []byte) bool {
	head := strings.TrimSpace(string(content[:min(len(content), 64)]))
	return head != "" && head[0] != '{' && head[0] != '['
}

// readBLOB verifies a metadata BLOB (FIDO Metadata Service §3.1.8) and takes the models from it. Nothing is fetched on the
// word of its header, neither a chain by x5u nor a revocation list: whoever hands a file in does not tell this machine
// where to call. CodeModelListSignature says that it is not FIDO's, CodeModelListOld that its time is over.
func readBLOB(content []byte, roots *x509.CertPool, now time.Time) (*source, error) {
	var signer *x509.Certificate
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"}),
		jwt.WithoutClaimsValidation(), // it has none of a token's
	)
	var payload struct {
		blobPayload
		jwt.RegisteredClaims
	}
	_, err := parser.ParseWithClaims(strings.TrimSpace(string(content)), &payload, func(token *jwt.Token) (any, error) {
		var err error
		signer, err = chain(token.Header, roots, now)
		if err != nil {
			return nil, err
		}
		return signer.PublicKey, nil
	})
	switch {
	case errors.Is(err, jwt.ErrTokenMalformed):
		return nil, postern.FieldErrorf("content", "That is neither FIDO's metadata BLOB nor a list of models in JSON, or a part of it is missing.").
			WithNext("Fetch the file again, and give it whole.").Because(err)
	case err != nil:
		return nil, postern.Errorf(postern.CodeModelListSignature, "The signature of FIDO's metadata does not hold: %s.", plainly(err)).OnField("content").Because(err)
	}
	return payload.source(signer, now)
}

// plainly is why a signature does not hold, in words without what the file says.
func plainly(err error) string {
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "a certificate of its signer is expired, or not valid yet"
	case errors.As(err, &unknown), errors.As(err, &invalid):
		return "its signer's certificate does not lead to the root that FIDO names"
	case errors.Is(err, errSigner):
		return "its signer is not " + fidoSigner
	case errors.Is(err, errChain):
		return "it carries no chain of certificates of its signer"
	}
	return "it was changed after it was signed"
}

var (
	errChain  = errors.New("aaguid: no chain")
	errSigner = errors.New("aaguid: another signer")
)

// chain verifies the certificates in the header of a BLOB and returns the signer's.
func chain(header map[string]any, roots *x509.CertPool, now time.Time) (*x509.Certificate, error) {
	texts, _ := header["x5c"].([]any)
	if len(texts) == 0 || len(texts) > maxChain {
		return nil, errChain
	}
	var certs []*x509.Certificate
	for _, t := range texts {
		text, _ := t.(string)
		der, err := base64.StdEncoding.DecodeString(text) // RFC 7515 §4.1.6: not base64url
		if err != nil {
			return nil, errChain
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, errChain
		}
		certs = append(certs, c)
	}
	between := x509.NewCertPool()
	for _, c := range certs[1:] {
		between.AddCert(c)
	}
	_, err := certs[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err == nil && certs[0].Subject.CommonName != fidoSigner {
		err = errSigner
	}
	return certs[0], err
}

// source makes of a verified payload what FIDO says as of today.
func (p *blobPayload) source(signer *x509.Certificate, now time.Time) (*source, error) {
	next, err := time.Parse(time.DateOnly, p.NextUpdate)
	if err != nil || p.Number < 1 || len(p.Entries) > maxEntries {
		return nil, postern.FieldErrorf("content", "The BLOB is signed, and not of the form of FIDO's metadata.").Because(err)
	}
	if now.After(next.AddDate(0, 0, 1)) {
		return nil, postern.Errorf(postern.CodeModelListOld, "FIDO meant to replace issue %d of its metadata by %s; it says nothing of today.", p.Number, p.NextUpdate).OnField("content")
	}
	s := &source{ModelListSource: postern.ModelListSource{
		Source: postern.ModelFromFIDO, Date: now.UTC().Format(time.DateOnly), Number: p.Number, Next: p.NextUpdate,
		Signer: cleanName(signer.Subject.CommonName),
	}}
	for _, e := range p.Entries {
		id := strings.ToLower(e.AAGUID)
		if id == "" { // an authenticator of U2F or UAF
			continue
		}
		name := cleanName(e.Statement.Description)
		if !IsAAGUID(id) || name == "" {
			return nil, postern.FieldErrorf("content", "The BLOB is signed, and holds a model without an AAGUID or a name.")
		}
		s.Entries = append(s.Entries, e.model(id, name))
	}
	return s, s.finish()
}

func (e *blobEntry) model(id, name string) postern.Model {
	m := postern.Model{AAGUID: id, Name: name, Source: postern.ModelFromFIDO, Listed: true}
	if known, ok := Bundled().Model(id); ok {
		m.Kind, m.Vendor = known.Kind, known.Vendor
	}
	m = describe(m)
	if m.Kind == postern.ModelSecurityKey && slices.Contains(e.Statement.AttachmentHint, "internal") {
		m.Kind = postern.ModelPlatform
	}
	best := -1
	for _, r := range e.Reports {
		if strings.HasPrefix(string(r.Status), "FIPS140_CERTIFIED") {
			m.FIPS = true
		}
		if weight := statusWeight(r.Status); weight > best {
			best, m.Status = weight, string(r.Status)
		}
	}
	return m
}

// certifications are the levels of FIDO's certification, the lowest first.
var certifications = []metadata.AuthenticatorStatus{
	metadata.NotFidoCertified, metadata.SelfAssertionSubmitted, metadata.FidoCertified, metadata.FidoCertifiedL1, metadata.FidoCertifiedL1plus,
	metadata.FidoCertifiedL2, metadata.FidoCertifiedL2plus, metadata.FidoCertifiedL3, metadata.FidoCertifiedL3plus,
}

// statusWeight orders statuses: a warning goes before every certification; what is neither, or unknown, does not count.
func statusWeight(s metadata.AuthenticatorStatus) int {
	if s == metadata.Revoked {
		return 1001
	}
	if metadata.IsUndesiredAuthenticatorStatus(s) {
		return 1000
	}
	return slices.Index(certifications, s)
}

// finish puts the models of a source in order, and refuses one that is named twice.
func (s *source) finish() error {
	slices.SortFunc(s.Entries, func(a, b postern.Model) int { return cmp.Compare(a.AAGUID, b.AAGUID) })
	for n := 1; n < len(s.Entries); n++ {
		if s.Entries[n].AAGUID == s.Entries[n-1].AAGUID {
			return postern.FieldErrorf("content", "The list names %s twice.", s.Entries[n].AAGUID)
		}
	}
	if len(s.Entries) == 0 && s.Source != postern.ModelFromFile {
		return postern.FieldErrorf("content", "The list is empty.").WithNext("A list that is given up is left empty. Keep the one you have.")
	}
	s.Models = len(s.Entries)
	return nil
}
