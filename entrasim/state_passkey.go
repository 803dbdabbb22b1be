package entrasim

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"net/url"
	"strings"
	"time"

	"github.com/postern/postern/entrasim/passkey"
)

// relyingParty carries out the WebAuthn ceremonies of every tenant, as the levers stand now. Its challenge key is fresh at
// every start, so challenges do not outlive the process.
func (s *Server) relyingParty() *passkey.RelyingParty {
	s.rpOnce.Do(func() {
		rp, err := passkey.New(nil)
		if err != nil {
			panic(err) // only crypto/rand could fail
		}
		// The key of the state file seals challenges too: one handed out before a restart is good after it.
		if rp.Challenges, err = passkey.NewChallenges(s.key(), rand.Reader); err != nil {
			panic(err) // only crypto/rand could fail
		}
		if u, err := url.Parse(s.Origin); err == nil && u.Hostname() != "" {
			rp.ID, rp.Origin = u.Hostname(), "https://"+u.Host
		}
		s.rp = rp
	})
	rp := *s.rp
	rp.AcceptSelfAttestation = s.Levers().SelfAttestation
	return &rp
}

// AddAuthenticator makes a model of authenticator known, as an entry of the FIDO Metadata Service would: passkeys of this
// AAGUID whose attestation chain ends in one of roots count as attested from now on.
func (s *Server) AddAuthenticator(aaguid, name string, roots ...*x509.Certificate) error {
	s.init()
	return s.relyingParty().Metadata.Add(aaguid, name, roots...)
}

// groupsOf returns the ids of all groups a user or group is in, nested ones included, as far as replication has told. The
// caller holds the lock.
func (t *Tenant) groupsOf(id string) map[string]bool {
	found, now := make(map[string]bool), t.now()
	for queue := []string{id}; len(queue) > 0; queue = queue[1:] {
		t.Groups.all(func(g *Group) bool {
			if !found[g.ID] {
				if m := g.Members.get(queue[0]); m != nil && m.shown(now) {
					found[g.ID] = true
					queue = append(queue, g.ID)
				}
			}
			return true
		})
	}
	return found
}

// subject is what the policy looks at in a user. It may leave the lock; it is a snapshot. The caller holds the lock.
func (t *Tenant) subject(u *User) passkey.Subject {
	groups := t.groupsOf(u.ID)
	return passkey.Subject{ID: u.ID, InGroup: func(id string) bool { return groups[strings.ToLower(id)] }}
}

// passkeyUser is the account a passkey is made for. The caller holds the lock.
func (t *Tenant) passkeyUser(u *User) passkey.User {
	return passkey.User{Subject: t.subject(u), Name: u.UPN, DisplayName: u.DisplayName, Guest: u.Guest}
}

// passkeyPolicy is a copy of the passkey method's configuration for evaluation. The caller holds the lock.
func (t *Tenant) passkeyPolicy() passkey.Policy {
	c := &t.Policy.Passkey
	restrictions := func(k KeyRestrictions) passkey.KeyRestrictions {
		return passkey.KeyRestrictions{IsEnforced: k.IsEnforced, EnforcementType: k.EnforcementType, AAGUIDs: append([]string(nil), k.AAGUIDs...)}
	}
	p := passkey.Policy{
		State: c.State, SelfServiceAllowed: c.IsSelfServiceRegistrationAllowed, AttestationEnforced: c.IsAttestationEnforced,
		KeyRestrictions: restrictions(c.KeyRestrictions), DefaultPasskeyProfile: c.DefaultPasskeyProfile,
	}
	for _, i := range c.IncludeTargets {
		p.IncludeTargets = append(p.IncludeTargets, passkey.Target{ID: i.ID, TargetType: i.TargetType, Profiles: append([]string(nil), i.AllowedPasskeyProfiles...)})
	}
	for _, e := range c.ExcludeTargets {
		p.ExcludeTargets = append(p.ExcludeTargets, passkey.Target{ID: e.ID, TargetType: e.TargetType})
	}
	for _, f := range c.PasskeyProfiles {
		p.PasskeyProfiles = append(p.PasskeyProfiles, passkey.Profile{
			ID: f.ID, Name: f.Name, PasskeyTypes: f.PasskeyTypes, AttestationEnforcement: f.AttestationEnforcement, KeyRestrictions: restrictions(f.KeyRestrictions),
		})
	}
	return p
}

// addPasskey stores a verified credential. It returns nil if the user is gone or somebody registered the same
// credential id meanwhile. The caller holds no lock.
func (t *Tenant) addPasskey(userID string, c passkey.Credential) (added *Passkey) {
	now, delay := t.now(), time.Duration(t.srv.Levers().MethodDelay)
	t.update(func() {
		u := t.user(userID)
		if u == nil || t.userByCredential(c.ID) != nil {
			return
		}
		k := &Passkey{ID: passkey.MethodID(c.ID), Created: now.UTC().Truncate(time.Second), Credential: c}
		if delay > 0 {
			k.VisibleAt = now.Add(delay)
		}
		u.Passkeys = append(u.sweptPasskeys(now), k)
		t.creds[string(c.ID)] = u.ID
		added = k.clone()
	})
	return added
}

// sweptPasskeys drops what was deleted long enough ago that no read shows it.
func (u *User) sweptPasskeys(now time.Time) []*Passkey {
	var kept []*Passkey
	for _, k := range u.Passkeys {
		if k.live() || now.Before(k.GoneAt) {
			kept = append(kept, k)
		}
	}
	return kept
}

// deletePasskey removes a passkey by method id and returns it; nil if the user has no such passkey. Sign-in refuses it
// at once, reads show it until the method delay has passed. The caller holds no lock.
func (t *Tenant) deletePasskey(userID, methodID string) (removed *Passkey) {
	now, delay := t.now(), time.Duration(t.srv.Levers().MethodDelay)
	t.update(func() {
		u := t.user(userID)
		if u == nil {
			return
		}
		for _, k := range u.Passkeys {
			if k.ID == methodID && k.live() {
				k.GoneAt = now.Add(delay)
				delete(t.creds, string(k.Credential.ID))
				removed = k.clone()
			}
		}
		u.Passkeys = u.sweptPasskeys(now)
	})
	return removed
}

// usedPasskey stores the signature counter and the time of a sign-in. The caller holds no lock.
func (t *Tenant) usedPasskey(userID string, credentialID []byte, count uint32) {
	now := t.now()
	t.update(func() {
		u := t.user(userID)
		if u == nil {
			return
		}
		for _, k := range u.livePasskeys() {
			if bytes.Equal(k.Credential.ID, credentialID) {
				k.Credential.SignCount, k.LastUsed = count, now.UTC().Truncate(time.Second)
			}
		}
	})
}

// shownPasskeys are the passkeys that reads show now: replication hides new ones and keeps deleted ones.
func (u *User) shownPasskeys(now time.Time) []*Passkey {
	var shown []*Passkey
	for _, k := range u.Passkeys {
		if now.Before(k.VisibleAt) || !k.live() && !now.Before(k.GoneAt) {
			continue
		}
		shown = append(shown, k)
	}
	return shown
}
