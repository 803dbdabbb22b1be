package center

import (
	"context"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/doctor"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/push"
	"github.com/postern/postern/link/relay"
	"github.com/postern/postern/link/websocket"
)

// openDoctor makes what examines this control center and its tenants, out of the parts that are there.
func (s *Center) openDoctor(cloud entra.Cloud, waking push.ClientConfig, o Options) *doctor.Service {
	c := s.Config
	d := &doctor.Service{
		Setup: doctor.Setup{
			PublicURL: c.PublicURL, Authority: strings.TrimSuffix(cloud.Authority, "/"), Graph: strings.TrimSuffix(cloud.Graph, "/"), Data: c.Data, KeyFile: c.KeyFile,
			TLSCertificate: c.TLSCertificate, TLSKey: c.TLSKey, LogLevel: c.LogLevel, Version: postern.Version(), Stories: c.Stories,
		},
		Now: o.Now, Database: s.Store, Jobs: s.Jobs, Mail: s.Mail, Push: s.Push, Trail: s.Trail, Streams: s.Streams, Administrators: s.Auth,
		Integrations: s.Integrations, Directory: s.Directory, Inventory: s.Inventory, Policies: s.Policies,
		Offline: func(ctx context.Context, id postern.IntegrationID) (bool, error) {
			settings, err := s.Offline.Settings(ctx, id)
			return settings.Offline.Enabled, err
		},
		CAs: cloud.CAs, PushCAs: waking.CAs, PushProxy: waking.Proxy, Dial: dialRelay,
	}
	if s.messaging.bus != nil {
		d.Replicas = s.messaging.bus.Connected
	}
	return d
}

// dialRelay opens a connection as devices do, and closes it: it was opened, that is all that was asked.
func dialRelay(ctx context.Context, publicURL string) error {
	conn, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(publicURL, "http")+relay.Path)
	if err != nil {
		return err
	}
	return conn.Close(relay.Done)
}
