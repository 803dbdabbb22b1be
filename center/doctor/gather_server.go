package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const (
	// jobPatience is how long a job may be ready without being begun.
	jobPatience = 15 * time.Minute
	// recently is how far failures are looked back for.
	recently = 24 * time.Hour
	// pushLooked bounds the subscriptions that are opened, and pushServices the services that are called.
	pushLooked   = 500
	pushServices = 8
)

// server looks at everything at once: each look waits for somebody else.
func (s *Service) server(ctx context.Context, said func(string)) Server {
	now := s.Now().UTC()
	f := Server{Now: now, Setup: s.Setup}
	var all sync.WaitGroup
	look := func(what string, do func()) { all.Go(func() { do(); said(what) }) }

	look("authority", func() {
		f.Authority = walker{cas: s.CAs, now: s.Now, known: isAuthority}.walk(ctx, s.Setup.Authority, "/common/v2.0/.well-known/openid-configuration")
	})
	look("graph", func() {
		f.Graph = walker{cas: s.CAs, now: s.Now, known: isGraph}.walk(ctx, s.Setup.Graph, "/v1.0/organization")
	})
	look("public_url", func() {
		f.Public = walker{cas: s.PublicCAs, now: s.Now, known: isPostern}.walk(ctx, s.Setup.PublicURL, "/healthz")
		if f.Public.broken() == "" && s.Dial != nil {
			dialling, cancel := context.WithTimeout(ctx, lookTime)
			defer cancel()
			f.Relay.Looked = true
			if err := s.Dial(dialling, s.Setup.PublicURL); err != nil {
				f.Relay.Err = plain(err)
			}
		}
	})
	look("push", func() {
		if f.Waking, f.WakingErr = s.Push.Examine(ctx, pushLooked); f.WakingErr != nil {
			return
		}
		for _, host := range f.Waking.Hosts[:min(len(f.Waking.Hosts), pushServices)] {
			f.Push = append(f.Push, walker{cas: s.PushCAs, proxy: s.PushProxy, now: s.Now}.walk(ctx, "https://"+host, "/"))
		}
	})
	look("mail", func() {
		if f.Mail, f.MailSettings = s.Mail.Settings(ctx); f.MailSettings == nil && f.Mail.Configured() {
			f.MailErr = s.Mail.Check(ctx)
		}
	})
	look("database", func() { s.keeping(ctx, &f, now) })
	if s.Replicas != nil {
		joined := s.Replicas()
		f.Replicas = &joined
	}
	f.Listener = listener(s.Setup)
	f.Key = key(s.Setup)
	f.Backups = lastBackup(filepath.Join(s.Setup.Data, "backups"))
	all.Wait()
	f.Disks = s.disks(f.Database.Path)
	return f
}

// keeping looks at what the database says, one question after the other.
func (s *Service) keeping(ctx context.Context, f *Server, now time.Time) {
	if f.DatabaseErr = s.Database.Ping(ctx); f.DatabaseErr == nil {
		f.Database, f.DatabaseErr = s.Database.Condition(ctx)
	}
	f.Jobs, f.JobsErr = s.Jobs.Troubles(ctx, jobPatience, now.Add(-recently))
	f.MailFailures, _ = s.Database.MessageFailures(ctx, now.Add(-recently)) // the database's own check says why
	f.Trail, f.TrailErr = s.Trail.Coverage(ctx)
	f.Streams, f.StreamsErr = s.Streams.List(ctx)
	f.Administrators, f.AdministratorsErr = s.Administrators.Administrators(ctx)
}

func listener(c Setup) Listener {
	if c.TLSCertificate == "" {
		return Listener{}
	}
	l := Listener{Own: true}
	pair, err := tls.LoadX509KeyPair(c.TLSCertificate, c.TLSKey)
	if err != nil {
		l.Err = plain(err)
		return l
	}
	l.Names, l.Expires = pair.Leaf.DNSNames, pair.Leaf.NotAfter
	for _, ip := range pair.Leaf.IPAddresses {
		l.Names = append(l.Names, ip.String())
	}
	if u, err := url.Parse(c.PublicURL); err == nil {
		l.Covers = pair.Leaf.VerifyHostname(u.Hostname()) == nil
	}
	return l
}

func key(c Setup) KeyFile {
	k := KeyFile{Path: c.KeyFile}
	info, err := os.Stat(c.KeyFile)
	if err != nil {
		k.Err = plain(errors.Unwrap(err))
		return k
	}
	k.Open = othersMay(info)
	folder, err := filepath.Abs(filepath.Dir(c.KeyFile))
	beside, err2 := filepath.Abs(filepath.Join(c.Data, "backups"))
	k.Beside = err == nil && err2 == nil && folder == beside
	return k
}

func lastBackup(folder string) Backups {
	b := Backups{Folder: folder}
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		b.Err = plain(err)
		return b
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !strings.HasSuffix(e.Name(), ".backup") {
			continue
		}
		if b.Count++; info.ModTime().After(b.Last) {
			b.Last = info.ModTime()
		}
	}
	return b
}

// disks are the file systems of data and database, each once as far as that can be told by its size.
func (s *Service) disks(database string) []Disk {
	look := s.Disk
	if look == nil {
		look = diskOf
	}
	var all []Disk
	for _, place := range []string{s.Setup.Data, filepath.Dir(database)} {
		if place == "" || database == "" && place == "." {
			continue
		}
		d, err := look(place)
		if err != nil || len(all) > 0 && all[0].Total == d.Total {
			continue
		}
		all = append(all, d)
	}
	return all
}
