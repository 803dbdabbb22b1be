package entrasim

import (
	"crypto/sha1" //nolint:gosec // x5t is defined as the SHA-1 thumbprint (RFC 7515 §4.1.7)
	"crypto/sha256"
	"crypto/x509"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// proofAudiences of a proof of possession: today's documentation names Microsoft Graph, that of some years the Azure AD
// Graph it came from.
var proofAudiences = []string{graphAppID, "00000002-0000-0000-c000-000000000000"}

// proofLife is how long a proof may be good for.
const proofLife = 10 * time.Minute

// addKey adds a certificate for a caller who proves to have another one (Microsoft Graph documentation, "application:
// addKey").
func (c *graphCall) addKey() {
	var b struct {
		KeyCredential      *keyBody `json:"keyCredential"`
		PasswordCredential *struct {
			SecretText string `json:"secretText"`
		} `json:"passwordCredential"`
		Proof string `json:"proof"`
	}
	if !c.body(&b) {
		return
	}
	if b.KeyCredential == nil {
		c.missingApplication("The request is missing the required parameter 'keyCredential'.")
		return
	}
	k, problem := b.KeyCredential.certificate(c)
	if problem != "" {
		c.missingApplication(problem)
		return
	}
	if !c.proven(b.Proof) {
		return
	}
	a := c.changeApplication(func(a *Application) string {
		if len(a.Certificates) >= maxCredentials {
			return "The maximum number of keyCredentials has been reached. Remove some first."
		}
		if slices.ContainsFunc(a.Certificates, func(o *Certificate) bool { return o.KeyID == k.KeyID }) {
			return "Update to existing credential with KeyId '" + k.KeyID + "' is not allowed."
		}
		a.Certificates = append(slices.Clone(a.Certificates), k)
		return ""
	})
	if a == nil {
		return
	}
	c.auditCredentials(a)
	c.entity(http.StatusOK, "microsoft.graph.keyCredential", showCertificate(k, false))
}

// removeKey takes a certificate away from a caller who proves to have one.
func (c *graphCall) removeKey() {
	var b struct {
		KeyID string `json:"keyId"`
		Proof string `json:"proof"`
	}
	if !c.body(&b) {
		return
	}
	if b.KeyID == "" {
		c.missingApplication("The request is missing the required parameter 'keyId'.")
		return
	}
	if !c.proven(b.Proof) {
		return
	}
	a := c.changeApplication(func(a *Application) string {
		kept := slices.DeleteFunc(slices.Clone(a.Certificates), func(k *Certificate) bool { return strings.EqualFold(k.KeyID, b.KeyID) })
		if len(kept) == len(a.Certificates) {
			return "No credentials found to be removed."
		}
		a.Certificates = kept
		return ""
	})
	if a == nil {
		return
	}
	c.auditCredentials(a)
	c.noContent()
}

// missingApplication answers what is wrong with a request, or that there is no such application.
func (c *graphCall) missingApplication(problem string) {
	found := false
	c.tenant.view(func() { found = c.registered() != nil })
	if !found {
		c.notFound(c.param["application"])
		return
	}
	c.badRequest(problem)
}

// proven checks the proof of possession and answers if it does not hold.
func (c *graphCall) proven(proof string) bool {
	var object string
	var keys []*Certificate
	c.tenant.view(func() {
		if a := c.registered(); a != nil {
			object, keys = a.ID, slices.Clone(a.Certificates)
		}
	})
	if object == "" {
		c.notFound(c.param["application"])
		return false
	}
	now := c.s.now()
	keys = slices.DeleteFunc(keys, func(k *Certificate) bool { return now.Before(k.From) || !now.Before(k.Until) || now.Before(k.Counts) })
	if len(keys) == 0 {
		c.badRequest("The application has no valid key to prove possession of. Use the Update application operation to add one.")
		return false
	}
	if problem := checkProof(proof, object, keys, now); problem != "" {
		c.fail(http.StatusUnauthorized, "Authentication_MissingOrMalformed", "Access Token missing or malformed. "+problem)
		return false
	}
	return true
}

// checkProof verifies a proof of possession; problem says why it does not hold.
func checkProof(proof, object string, keys []*Certificate, now time.Time) (problem string) {
	if proof == "" {
		return "The proof is missing."
	}
	var claims jwt.RegisteredClaims
	_, err := jwt.ParseWithClaims(proof, &claims, func(token *jwt.Token) (any, error) {
		var set jwt.VerificationKeySet
		for _, k := range keys {
			if cert, err := x509.ParseCertificate(k.DER); err == nil && names(token, k.DER) {
				set.Keys = append(set.Keys, cert.PublicKey)
			}
		}
		return set, nil
	}, jwt.WithoutClaimsValidation(), jwt.WithValidMethods([]string{"RS256", "PS256"}))
	const slack = 5 * time.Minute
	switch {
	case err != nil:
		return "The proof is not signed by a valid key of the application."
	case !slices.ContainsFunc(proofAudiences, func(a string) bool { return slices.Contains(claims.Audience, a) }):
		return "The audience of the proof is wrong."
	case !strings.EqualFold(claims.Issuer, object):
		return "The issuer of the proof must be the object id of the application."
	case claims.NotBefore == nil || claims.ExpiresAt == nil:
		return "The proof needs the claims nbf and exp."
	case claims.ExpiresAt.Sub(claims.NotBefore.Time) > proofLife:
		return "The proof is good for more than ten minutes."
	case now.Add(slack).Before(claims.NotBefore.Time) || !now.Before(claims.ExpiresAt.Time):
		return "The proof is not within its valid time range."
	}
	return ""
}

// names says whether a token may be signed by a certificate: its header names that one, or none.
func names(token *jwt.Token, der []byte) bool {
	if v, ok := token.Header["x5t#S256"].(string); ok {
		want, err := anyBase64(v)
		sum := sha256.Sum256(der)
		return err == nil && string(want) == string(sum[:])
	}
	if v, ok := token.Header["x5t"].(string); ok {
		want, err := anyBase64(v)
		sum := sha1.Sum(der) //nolint:gosec // see the import
		return err == nil && string(want) == string(sum[:])
	}
	return true
}
