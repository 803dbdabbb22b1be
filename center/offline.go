package center

import (
	"crypto/rand"

	"github.com/postern/postern"
	"github.com/postern/postern/center/device"
	"github.com/postern/postern/center/lifecycle"
	"github.com/postern/postern/center/offline"
	"github.com/postern/postern/center/seal"
)

// openOffline ties signing in offline to the passkeys it has registered and to the devices that are told of it.
func (s *Center) openOffline(sealer seal.Sealer, o Options) {
	s.Offline = &offline.Service{
		Store: s.Store, Integrations: s.Integrations, Passkeys: s.Passkeys, Sealer: sealer, Audit: s.Trail, Queue: s.Jobs, Logger: o.Logger, Now: o.Now,
		Random: rand.Reader, Person: person,
		Tell: func(user postern.UserID, phone postern.PhoneID, workstation postern.WorkstationID) {
			if user != "" {
				s.watch.Publish(lifecycle.Topic(user))
			}
			if phone != "" {
				s.watch.Publish(device.Topic(phone))
			}
			if workstation != "" {
				s.watch.Publish(device.WorkstationTopic(workstation))
			}
		},
	}
	s.Phones.Offline, s.Passkeys.Offline = s.Offline, s.Offline
}
