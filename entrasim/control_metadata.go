package entrasim

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
)

// mountMetadata adds the part of the control API that stands for the FIDO Metadata Service.
//
//	GET  metadata   {"aaguid":"name",…}
//	POST metadata   {"aaguid","name","roots":["PEM",…]}: chains that end in roots count as attested for that AAGUID
func (s *Server) mountMetadata(mux *http.ServeMux) {
	mux.HandleFunc("GET "+controlRoot+"metadata", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, s.relyingParty().Metadata.Models())
	})
	mux.HandleFunc("POST "+controlRoot+"metadata", func(w http.ResponseWriter, r *http.Request) {
		if err := s.controlMetadata(&controlCall{s: s, r: r}); err != nil {
			writeJSON(w, http.StatusBadRequest, object{"error": err.Error()})
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

func (s *Server) controlMetadata(c *controlCall) error {
	var b struct {
		AAGUID string   `json:"aaguid"`
		Name   string   `json:"name"`
		Roots  []string `json:"roots"`
	}
	if err := c.body(&b); err != nil {
		return err
	}
	var roots []*x509.Certificate
	for _, text := range b.Roots {
		block, _ := pem.Decode([]byte(text))
		if block == nil || block.Type != "CERTIFICATE" {
			return errors.New("roots must hold certificates in PEM form")
		}
		root, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return err
		}
		roots = append(roots, root)
	}
	return s.AddAuthenticator(b.AAGUID, b.Name, roots...)
}
