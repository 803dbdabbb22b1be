package entrasim

import (
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"strings"
	"time"
)

// registerHybrid registers a computer that was synchronised from Active Directory. It proves with the key of the certificate
// that was synchronised with it.
func (s *Server) registerHybrid(w http.ResponseWriter, r *http.Request) {
	const operation = "DeviceRenew" // what the service calls it
	b, deviceKey, transportKey, e := readRegistration(r)
	if e == nil && (*b.JoinType != joinHybrid || b.ServerAdJoinData == nil) {
		e = badRegistration("error_join_type", "JoinType must be 6 here, with ServerAdJoinData.")
	}
	if e != nil {
		s.refuseRegistration(w, e, operation)
		return
	}
	t, c := s.synchronised(r.PathValue("device"))
	if c == nil {
		s.refuseRegistration(w, &registrationError{
			http.StatusBadRequest, "authorization_error", "error_missing_device", "The device object by the given id (" + shorten(r.PathValue("device"), 64) + ") is not found.",
		}, operation)
		return
	}
	if problem := c.provesItself(b.ServerAdJoinData, t.ID, s.now()); problem != "" {
		s.refuseRegistration(w, &registrationError{http.StatusUnauthorized, "authentication_error", "error_client_identity", problem}, operation)
		return
	}
	der, err := s.issueDeviceCertificate(t.ID, c.DeviceID, "", deviceKey)
	if err != nil {
		s.refuseRegistration(w, &registrationError{http.StatusInternalServerError, "internal_error", "error_certificate", "The certificate could not be issued."}, operation)
		return
	}
	t.update(func() {
		if stored := t.computer(c.DeviceID); stored != nil {
			stored.TransportKey, stored.Thumbprint = x509.MarshalPKCS1PublicKey(transportKey), thumbprint(der)
			stored.DisplayName, stored.OSVersion = b.DeviceDisplayName, b.OSVersion
			stored.Registered = s.now().UTC().Truncate(time.Second)
		}
	})
	t.recordAudit(Audit{
		Service: serviceDevices, Category: "Device", Activity: "Register device", Operation: "Update", TargetType: "Device", TargetID: c.ID, TargetName: c.DisplayName,
		By: Actor{AppName: "Device Registration Service", AppID: registrationResourceApp, Addr: clientAddr(r)}, Details: map[string]string{"Device Trust Type": trustHybrid},
	})
	writeJSON(w, http.StatusOK, object{"Certificate": object{"Thumbprint": thumbprint(der), "RawBody": base64.StdEncoding.EncodeToString(der)}})
}

// synchronised finds a computer of Active Directory in whatever tenant.
func (s *Server) synchronised(deviceID string) (*Tenant, *Computer) {
	for _, t := range s.all() {
		var found *Computer
		t.view(func() {
			if c := t.computer(deviceID); c != nil && c.Trust == trustHybrid && len(c.SelfSigned) > 0 {
				found = c.clone()
			}
		})
		if found != nil {
			return t, found
		}
	}
	return nil, nil
}

// identitySkew is how far the time in a client identity may be off.
const identitySkew = 5 * time.Minute

// provesItself checks the client identity of a hybrid join. problem is empty if it is good.
func (c *Computer) provesItself(d *hybridData, tenantID string, now time.Time) (problem string) {
	cert, err := x509.ParseCertificate(c.SelfSigned)
	if err != nil {
		return "The certificate that was synchronised cannot be read."
	}
	signed, err := base64.StdEncoding.DecodeString(d.ClientIdentity.SignedBlob)
	if err != nil || d.ClientIdentity.Type != "sha256signed" || cert.CheckSignature(x509.SHA256WithRSA, []byte(d.ClientIdentity.Sid), signed) != nil {
		return "The client identity is not signed by the certificate that was synchronised."
	}
	sid, stamp, _ := strings.Cut(d.ClientIdentity.Sid, ".")
	at, err := time.Parse("2006-01-02 15:04:05Z", stamp)
	switch {
	case sid != c.SecurityIdentifier:
		return "The security identifier is that of another computer."
	case err != nil || now.Sub(at).Abs() > identitySkew:
		return "The time of the client identity is not now."
	case d.TargetDomainID != "" && !strings.EqualFold(d.TargetDomainID, tenantID):
		return "TargetDomainId is another tenant."
	}
	return ""
}
