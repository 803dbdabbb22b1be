package entrasim

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// mountWindows adds what a Windows computer calls that browsers and programs do not.
func (s *Server) mountWindows(mux *http.ServeMux) {
	mux.HandleFunc("POST /EnrollmentServer/device/{$}", s.registerDevice)
	mux.HandleFunc("POST /EnrollmentServer/device", s.registerDevice)
	mux.HandleFunc("PUT /EnrollmentServer/device/{device}", s.registerHybrid)
	mux.HandleFunc("POST /{tenant}/oauth2/token", s.windowsEndpoint)
}

// Values of JoinType.
const (
	joinEntra    = 0
	joinRegister = 4
	joinHybrid   = 6
)

// registration is the body of a registration ([MS-DVRJ] section 2.2.2, and what public clients send). Members of it that
// are not here, attestation among them, are not looked at.
type registration struct {
	TransportKey       string
	JoinType           *int
	CertificateRequest struct{ Type, Data string }
	DeviceDisplayName  string
	DeviceType         string
	OSVersion          string
	TargetDomain       string
	ServerAdJoinData   *hybridData
}

// hybridData is what a computer of Active Directory says of itself.
type hybridData struct {
	TransportKey, TargetDomain, DeviceType, OSVersion, DeviceDisplayName, TargetDomainID string
	ClientIdentity                                                                       struct{ Type, Sid, SignedBlob string }
}

// registrationError is a refusal of the device registration service. Its form is inferred from answers that were shown in
// public.
type registrationError struct {
	status                 int
	code, subcode, message string
}

func (s *Server) refuseRegistration(w http.ResponseWriter, e *registrationError, operation string) {
	writeJSON(w, e.status, object{
		"code": e.code, "subcode": e.subcode, "message": e.message, "operation": operation, "requestid": s.newID(),
		"time": s.now().UTC().Format("01-02-2006 15:04:05Z"),
	})
}

func badRegistration(subcode, message string) *registrationError {
	return &registrationError{http.StatusBadRequest, "invalid_request", subcode, message}
}

// discoverPath says whether a request is GET /{domain}/Discover, in whatever case. As a pattern it would be at odds with the
// assets of the pages.
func discoverPath(r *http.Request) (domain string, ok bool) {
	domain, last, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return domain, r.Method == http.MethodGet && strings.EqualFold(last, "discover")
}

// discoverRegistration tells where devices are registered ([MS-DVRD] section 3.1.5.1).
func (s *Server) discoverRegistration(w http.ResponseWriter, r *http.Request, domain string) {
	t := s.tenant(domain)
	if t == nil {
		s.refuseRegistration(w, &registrationError{http.StatusNotFound, "invalid_request", "error_tenant_not_found", "The domain belongs to no tenant."}, "Discover")
		return
	}
	root := "https://" + r.Host
	service := func(kind, endpoint string) object {
		return object{kind + "Endpoint": root + endpoint, kind + "ResourceId": registrationResource, "ServiceVersion": "1.0"}
	}
	writeJSON(w, http.StatusOK, object{
		"DiscoveryService":          object{"DiscoveryEndpoint": root + "/" + t.Domain + "/Discover", "ServiceVersion": "1.9"},
		"DeviceRegistrationService": service("Registration", "/EnrollmentServer/device/"),
		"DeviceJoinService":         service("Join", "/EnrollmentServer/device/"),
		"AuthenticationService": object{"OAuth2": object{
			"AuthCodeEndpoint": root + "/" + t.ID + "/oauth2/v2.0/authorize", "TokenEndpoint": root + "/" + t.ID + "/oauth2/v2.0/token",
		}},
		"IdentityProviderService": object{"Federated": false},
		"TenantInfo":              object{"TenantId": t.ID, "TenantName": t.Name, "DisplayName": t.Name},
	})
}

// readRegistration reads the body and the two keys in it.
func readRegistration(r *http.Request) (b registration, device, transport *rsa.PublicKey, e *registrationError) {
	if err := json.NewDecoder(r.Body).Decode(&b); err != nil || b.JoinType == nil {
		return b, nil, nil, badRegistration("error_body", "The request body could not be read, or JoinType is missing.")
	}
	key := b.TransportKey
	if *b.JoinType == joinHybrid && b.ServerAdJoinData != nil {
		key = b.ServerAdJoinData.TransportKey
		b.DeviceDisplayName, b.DeviceType, b.OSVersion = b.ServerAdJoinData.DeviceDisplayName, b.ServerAdJoinData.DeviceType, b.ServerAdJoinData.OSVersion
	}
	transport, err := parseTransportKey(key)
	if err != nil {
		return b, nil, nil, badRegistration("error_transport_key", "TransportKey is "+err.Error()+".")
	}
	if b.CertificateRequest.Type != "pkcs10" {
		return b, nil, nil, badRegistration("error_certificate_request", "The type of CertificateRequest must be 'pkcs10'.")
	}
	if device, err = parseCertificateRequest(b.CertificateRequest.Data); err != nil {
		return b, nil, nil, badRegistration("error_certificate_request", "CertificateRequest is "+err.Error()+".")
	}
	switch {
	case b.DeviceType != "Windows":
		return b, nil, nil, badRegistration("error_device_type", "DeviceType must be 'Windows': the emulator knows no other.")
	case b.DeviceDisplayName == "" || len(b.DeviceDisplayName) > 256 || len(b.OSVersion) > 64:
		return b, nil, nil, badRegistration("error_device_name", "DeviceDisplayName is missing or too long, or OSVersion is too long.")
	}
	return b, device, transport, nil
}

// registerDevice joins or registers a device for the user of the token.
func (s *Server) registerDevice(w http.ResponseWriter, r *http.Request) {
	out, e := s.register(r)
	if e != nil {
		s.refuseRegistration(w, e, "DeviceJoin")
		return
	}
	writeJSON(w, http.StatusOK, out)
}

func (s *Server) register(r *http.Request) (object, *registrationError) {
	who, t, problem := s.bearer(r, registrationResource, registrationResourceApp)
	if problem != "" || who.UserID == "" {
		return nil, &registrationError{http.StatusUnauthorized, "authentication_error", "error_token", "The access token is missing, expired, for another resource, or of no user. " + problem}
	}
	b, deviceKey, transportKey, e := readRegistration(r)
	if e != nil {
		return nil, e
	}
	trust := map[int]string{joinEntra: trustJoined, joinRegister: trustRegistered}[*b.JoinType]
	if trust == "" {
		return nil, badRegistration("error_join_type", "JoinType must be 0 or 4 here.")
	}
	var domains []string
	t.view(func() { domains = slices.Clone(t.Domains) })
	if b.TargetDomain != "" && !strings.EqualFold(b.TargetDomain, t.ID) && !containsFold(domains, b.TargetDomain) {
		return nil, badRegistration("error_target_domain", "TargetDomain is no domain of the tenant.")
	}
	now := s.now().UTC().Truncate(time.Second)
	c := &Computer{
		ID: s.newID(), DeviceID: s.newID(), DisplayName: b.DeviceDisplayName, OSVersion: b.OSVersion, Trust: trust, Owner: who.UserID,
		Created: now, Registered: now, TransportKey: x509.MarshalPKCS1PublicKey(transportKey),
	}
	der, err := s.issueDeviceCertificate(t.ID, c.DeviceID, who.UserID, deviceKey)
	if err != nil {
		return nil, &registrationError{http.StatusInternalServerError, "internal_error", "error_certificate", "The certificate could not be issued."}
	}
	c.Thumbprint = thumbprint(der)
	if e := t.addDevice(c); e != nil {
		return nil, e
	}
	t.recordAudit(Audit{
		Service: serviceDevices, Category: "Device", Activity: "Register device", Operation: "Add", TargetType: "Device", TargetID: c.ID, TargetName: c.DisplayName,
		By: Actor{UserID: who.UserID, UPN: who.UPN, UserName: who.UserName, Addr: clientAddr(r)}, Details: map[string]string{"Device Trust Type": trust},
	})
	out := object{"Certificate": object{"Thumbprint": c.Thumbprint, "RawBody": base64.StdEncoding.EncodeToString(der)}, "User": object{"Upn": who.UPN}}
	if trust == trustJoined {
		out["MembershipChanges"] = []object{{"LocalSID": "S-1-5-32-544", "AddSIDs": []string{
			securityIdentifier(t.roleID(roleGlobalAdministrator)), securityIdentifier(t.roleID(roleDeviceAdministrator)), securityIdentifier(who.UserID),
		}}}
	}
	return out, nil
}

// addDevice puts a device of a user into the directory.
func (t *Tenant) addDevice(c *Computer) (e *registrationError) {
	t.update(func() {
		switch u := t.user(c.Owner); {
		case u == nil || u.Disabled || u.Guest:
			e = &registrationError{http.StatusForbidden, "authorization_error", "error_user", "The user may not join or register devices: guests may not, nor users that are disabled."}
		case t.devicesOf(c.Owner) >= maxDevicesOfUser || t.Computers.len() >= maxComputers:
			e = &registrationError{http.StatusForbidden, "directory_error", "error_device_quota", "The user has registered as many devices as are allowed."}
		default:
			t.Computers.add(c.DeviceID, c)
		}
	})
	return e
}
