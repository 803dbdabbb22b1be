package model_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/postern/postern"
)

// The model looks at Entra, and acts there, with a client of its own: faults and deaths are none of its business.

const (
	peopleKnown     = 4 // whom the sequence is about
	peopleStrangers = 2 // whom Postern never hears of
)

// listedPasskey is what Entra has, replication aside.
type listedPasskey struct {
	ID          string `json:"id"`
	DisplayName string `json:"display_name"`
	AAGUID      string `json:"aaguid"`
	Live        bool   `json:"live"`
}

type entraUser struct {
	ID       string          `json:"id"`
	UPN      string          `json:"upn"`
	Enabled  bool            `json:"enabled"`
	Passkeys []listedPasskey `json:"passkeys"`
}

func (w *world) signIn(client, secret string) error {
	var answer struct {
		Token string `json:"access_token"`
	}
	err := exchange(w.ctx, w.lab.server, http.MethodPost, "https://localhost/"+w.tenant+"/oauth2/v2.0/token", "", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {client}, "client_secret": {secret}, "scope": {"https://localhost/.default"},
	}, &answer)
	w.token = answer.Token
	return err
}

func (w *world) graph(method, path string, in, out any) error {
	return exchange(w.ctx, w.lab.server, method, "https://localhost/v1.0/"+path, w.token, in, out)
}

func (w *world) populate() error {
	for n := range peopleKnown + peopleStrangers {
		p := &person{slot: n, upn: fmt.Sprintf("p%d@%s", n, w.domain)}
		var made struct {
			ID string `json:"id"`
		}
		err := w.lab.control(w.ctx, http.MethodPost, "tenants/"+w.tenant+"/users",
			map[string]any{"upn": p.upn, "display_name": fmt.Sprintf("Person %d", n)}, &made)
		if err != nil {
			return err
		}
		p.objectID = made.ID
		w.people = append(w.people, p)
	}
	return nil
}

// atEntra reads a user with all passkeys, past replication. gone is true for a deleted one.
func (w *world) atEntra(p *person) (u entraUser, gone bool, err error) {
	err = w.lab.control(w.ctx, http.MethodGet, "tenants/"+w.tenant+"/users/"+p.objectID, nil, &u)
	if refusedWith(err, http.StatusNotFound) {
		return u, true, nil
	}
	live := u.Passkeys[:0]
	for _, k := range u.Passkeys {
		if k.Live {
			live = append(live, k)
		}
	}
	u.Passkeys = live
	return u, false, err
}

// members are the object ids in a group.
func (w *world) members(group string) (map[string]bool, error) {
	var page struct {
		Value []struct {
			ID string `json:"id"`
		} `json:"value"`
	}
	out := make(map[string]bool)
	err := w.graph(http.MethodGet, "groups/"+group+"/members?$select=id&$top=999", nil, &page)
	for _, m := range page.Value {
		out[m.ID] = true
	}
	return out, err
}

func (w *world) patchUser(p *person, change map[string]any) error {
	return w.lab.control(w.ctx, http.MethodPatch, "tenants/"+w.tenant+"/users/"+p.objectID, change, &entraUser{})
}

// register makes a passkey at Entra without Postern: what Security info does when a user adds a key there.
func (w *world) register(p *person, k *key, name string) (*credential, error) {
	var options json.RawMessage
	path := "users/" + p.objectID + "/authentication/fido2Methods"
	if err := w.graph(http.MethodGet, path+"/creationOptions", nil, &options); err != nil {
		return nil, err
	}
	var inner struct {
		PublicKey json.RawMessage `json:"publicKey"`
	}
	if err := json.Unmarshal(options, &inner); err != nil {
		return nil, err
	}
	made, err := k.create(w.ctx, inner.PublicKey)
	if err != nil {
		return nil, err
	}
	var method struct {
		ID string `json:"id"`
	}
	err = w.graph(http.MethodPost, path, map[string]any{
		"displayName": name,
		"publicKeyCredential": map[string]any{
			"id": base64.RawURLEncoding.EncodeToString(made.ID),
			"response": map[string]any{
				"clientDataJSON":    base64.RawURLEncoding.EncodeToString(made.ClientDataJSON),
				"attestationObject": base64.RawURLEncoding.EncodeToString(made.AttestationObject),
			},
		},
	}, &method)
	if err != nil {
		return nil, err
	}
	return &credential{submission: made, method: method.ID, own: true}, nil
}

// groupsOf are the groups of the integration as they are stored.
func (w *world) groupsOf() (map[postern.Phase]string, error) {
	i, err := w.store.Integration(w.ctx, w.integration)
	out := make(map[postern.Phase]string)
	for _, g := range i.Groups {
		out[g.Phase] = g.ID
	}
	return out, err
}

func ours(aaguid string) bool { return strings.EqualFold(aaguid, ourModel) }
