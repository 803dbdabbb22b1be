package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/phone"
	"github.com/postern/postern/phone/ceremony"
	"github.com/postern/postern/phone/vault"
)

// The app's own records, beside the vault's in the same backing. They are JSON: {"version":1,"content":{…}}.
//
//	name             content
//	"app/identity"   what the phone is: its keys towards the control center and workstations. Losing it is losing the phone.
//	"app/memory"     what the phone was told and has seen. Lost, it is asked for again, but for names and the activities.
const (
	identityName = "app/identity"
	memoryName   = "app/memory"

	recordVersion = 1
	// maxRecord bounds a record that is read, in bytes.
	maxRecord = 4 << 20
	// maxActivities and maxNotices bound what is remembered.
	maxActivities = 100
	maxNotices    = 20
)

type envelope struct {
	Version int             `json:"version"`
	Content json.RawMessage `json:"content"`
}

// identity is what the phone is. It holds private keys.
type identity struct {
	UserID  postern.Bytes `json:"user_id"` // of the gate credential
	Salt    postern.Bytes `json:"salt"`    // of the gate
	Phone   *phone.State  `json:"phone,omitempty"`
	LinkKey postern.Bytes `json:"link_key,omitempty"` // X25519 private key
	// LinkKeyKnown says that the control center has the public part.
	LinkKeyKnown bool `json:"link_key_known,omitempty"`
	// OwnKey opens the vault of a phone whose platform authenticator has no PRF.
	OwnKey      postern.Bytes         `json:"own_key,omitempty"`
	Integration postern.IntegrationID `json:"integration,omitempty"`
	// Workstations are those that may ask, and one whose pairing is not confirmed yet.
	Workstations map[postern.PairingID]workstation `json:"workstations,omitempty"`
}

// workstation is a paired workstation's key, without which the pairing is worth nothing.
type workstation struct {
	ID   postern.WorkstationID `json:"id"`
	Key  postern.Bytes         `json:"key"`
	Name string                `json:"name"`
	// Unconfirmed until the control center lists the pairing; such a one may not ask.
	Unconfirmed bool      `json:"unconfirmed,omitempty"`
	Paired      time.Time `json:"paired"`
	// Offline are the codes for signing in there without a network. Their secrets are notes of the vault.
	Offline ceremony.Shelf `json:"offline,omitzero"`
}

// memory is what the phone was told and has seen.
type memory struct {
	Self      *postern.PhoneSelf                    `json:"self,omitempty"`
	Told      time.Time                             `json:"told"` // when Self was told
	Keys      map[string]*keyMemory                 `json:"keys,omitempty"`
	Computers map[postern.PairingID]*computerMemory `json:"computers,omitempty"`
	Activity  []Activity                            `json:"activity,omitempty"` // the newest first
	Notices   []Notice                              `json:"notices,omitempty"`  // those that happened, as against those that stand
}

// keyMemory is what is remembered of a passkey, by the base64url of its credential id.
type keyMemory struct {
	Name     string     `json:"name,omitempty"`
	LastUsed *time.Time `json:"last_used,omitempty"`
	// SignedIn is the hour of the last sign-in by the control center's clock, UseTold the last one that it was told of.
	SignedIn time.Time `json:"signed_in,omitzero"`
	UseTold  time.Time `json:"use_told,omitzero"`
	// Reported says that the control center was told of a passkey made at Security info; Listed that it knows it.
	Reported bool     `json:"reported,omitempty"`
	Listed   bool     `json:"listed,omitempty"`
	Problem  *Problem `json:"problem,omitempty"`
	// Removing says that the user wants it gone; RPID and Account tell of one that is gone here already.
	Removing  bool              `json:"removing,omitempty"`
	PasskeyID postern.PasskeyID `json:"passkey_id,omitempty"`
	RPID      string            `json:"rp_id,omitempty"`
	Account   string            `json:"account,omitempty"`
}

type computerMemory struct {
	Name     string     `json:"name,omitempty"`
	LastUsed *time.Time `json:"last_used,omitempty"`
}

// errDamaged says that a record is none.
var errDamaged = postern.Errorf("record_damaged", "What the app keeps on this phone is damaged.").
	WithNext("Delete everything on this phone, and ask for a new invitation.")

// errElsewhere says that another window of the app wrote the record.
var errElsewhere = postern.Errorf(postern.CodeStale, "The app is open in another window, which changed something meanwhile.").
	WithNext("Close the other window and open the app again.")

// records keeps the app's own records. Its methods may be called at once.
type records struct {
	backing vault.Backing
	mu      sync.Mutex
	known   map[string]uint64 // the version of each as it was last seen
}

// read reads a record into out, which stays as it is where there is none.
func (r *records) read(ctx context.Context, name string, out any) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	found, err := r.backing.Read(ctx, name)
	if err != nil {
		return err
	}
	if r.known == nil {
		r.known = map[string]uint64{}
	}
	record, ok := found[name]
	r.known[name] = record.Version
	if !ok {
		return nil
	}
	return decodeRecord(record.Data, out)
}

func decodeRecord(data []byte, out any) error {
	if len(data) > maxRecord {
		return errDamaged
	}
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil || e.Version < 1 {
		return errDamaged
	}
	if e.Version > recordVersion {
		return vault.ErrNewer
	}
	if err := json.Unmarshal(e.Content, out); err != nil {
		return errDamaged
	}
	if c, ok := out.(interface{ check() error }); ok {
		return c.check()
	}
	return nil
}

// write makes a record durable.
func (r *records) write(ctx context.Context, name string, content any) error {
	data, err := json.Marshal(content)
	if err != nil {
		return err
	}
	if data, err = json.Marshal(envelope{recordVersion, data}); err != nil {
		return err
	}
	defer clear(data)
	r.mu.Lock()
	defer r.mu.Unlock()
	err = r.backing.Replace(ctx, vault.Change{Name: name, From: r.known[name], Data: data})
	if errors.Is(err, vault.ErrConflict) {
		return errElsewhere
	}
	if err != nil {
		return fmt.Errorf("keep %s: %w", name, err)
	}
	found, err := r.backing.Read(ctx, name)
	if err != nil {
		return err
	}
	if r.known == nil {
		r.known = map[string]uint64{}
	}
	r.known[name] = found[name].Version
	return nil
}

func (r *records) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known = map[string]uint64{}
}

// check refuses an identity that the app did not write.
func (i *identity) check() error {
	if len(i.Salt) != vault.SaltSize || len(i.UserID) == 0 || len(i.UserID) > 64 {
		return errDamaged
	}
	if len(i.LinkKey) != 0 && len(i.LinkKey) != channel.KeySize || len(i.OwnKey) != 0 && len(i.OwnKey) != vault.OutputSize {
		return errDamaged
	}
	if i.Phone != nil && i.Phone.Check() != nil {
		return errDamaged
	}
	for id, w := range i.Workstations {
		if !id.Valid() || len(w.Key) != channel.KeySize || w.Offline.Check() != nil {
			return errDamaged
		}
	}
	return nil
}

// bound brings a memory into its bounds: it is nothing to refuse the phone for.
func (m *memory) bound() {
	m.Activity = m.Activity[:min(len(m.Activity), maxActivities)]
	m.Notices = m.Notices[:min(len(m.Notices), maxNotices)]
	maps.DeleteFunc(m.Keys, func(_ string, k *keyMemory) bool { return k == nil })
	maps.DeleteFunc(m.Computers, func(_ postern.PairingID, c *computerMemory) bool { return c == nil })
}

// key is what is remembered of a passkey, to be written to.
func (m *memory) key(id string) *keyMemory {
	if m.Keys == nil {
		m.Keys = map[string]*keyMemory{}
	}
	if m.Keys[id] == nil {
		m.Keys[id] = &keyMemory{}
	}
	return m.Keys[id]
}

func (m *memory) computer(id postern.PairingID) *computerMemory {
	if m.Computers == nil {
		m.Computers = map[postern.PairingID]*computerMemory{}
	}
	if m.Computers[id] == nil {
		m.Computers[id] = &computerMemory{}
	}
	return m.Computers[id]
}
