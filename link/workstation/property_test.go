package workstation_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/postern/postern"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/workstation"
)

// TestWhateverHappens lets connections break, apps end, messages be lost, repeated and changed, and sessions be forgotten,
// while requests are asked, cancelled and answered. An answer is always the one to its request, no request lies longer than
// its deadline, none is shown more often than it may be asked, and when the storm is over the phone can be used.
func TestWhateverHappens(t *testing.T) {
	answered := 0
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		steps := rapid.IntRange(20, 150).Draw(rt, "steps")
		hostile := rapid.Bool().Draw(rt, "hostile")
		var failure string
		synctest.Test(t, func(t *testing.T) {
			runWorld(t, t.Context(), func(w *world) {
				d, p := w.start()
				s := &storm{world: w, desk: d, phone: p, random: rand.New(rand.NewPCG(seed, 1)), hostile: hostile}
				s.blow(steps)
				failure = s.failure
				answered += s.answered
			})
		})
		if failure != "" {
			rt.Fatal(failure)
		}
	})
	if answered < 20 {
		t.Errorf("only %d requests were answered", answered)
	}
}

type storm struct {
	*world
	desk     *desk
	phone    *phone
	random   *rand.Rand
	hostile  bool
	open     *opened
	ctap     []byte
	asked    time.Time
	count    uint64
	closed   bool
	answered int
	failure  string
}

func (s *storm) fail(format string, args ...any) {
	if s.failure == "" {
		s.failure = fmt.Sprintf(format, args...)
	}
}

const stormDeadline = time.Minute

func (s *storm) blow(steps int) {
	s.phone.set(func() { s.phone.mangle = s.mangle })
	for range steps {
		s.step()
		s.look()
		if s.failure != "" {
			break
		}
	}
	// The storm is over.
	s.phone.set(func() { s.phone.mangle, s.phone.deaf = nil, false })
	s.desk.setDown(false)
	s.phone.setDown(false)
	s.bar("", string(s.center.desk.ID), string(s.phone.id))
	if s.closed {
		s.phone.start()
	}
	if s.open != nil {
		s.open.cancel()
		<-s.open.done
	}
	time.Sleep(10 * time.Minute)
	synctest.Wait()
	s.phone.set(func() { s.phone.answer = func(a asked) ([]byte, reason) { return a.CTAP, 0 } })
	if st := s.desk.Status(); !st.Connected || len(st.Phones) != 1 || !st.Phones[0].Ready || st.Problem != nil || st.Notice != nil || st.Phones[0].Notice != nil {
		s.fail("when the storm is over: %+v", st)
	}
	ctap, err := s.world.ask(s.desk, s.phone, nil).wait()
	if s.hostile && postern.IsCode(err, postern.CodeLinkSessionGone) {
		// A message that was lost while nobody asked is missed with the next one, which ends the session: once.
		time.Sleep(channel.OverEvery)
		ctap, err = s.world.ask(s.desk, s.phone, nil).wait()
	}
	if err != nil || !bytes.Equal(ctap, []byte{4}) {
		s.fail("when the storm is over: %x, %v", ctap, err)
	}
}

// mangle is called with the phone's lock held, and has chances of its own.
func (s *storm) mangle(payload []byte) [][]byte {
	if !s.hostile {
		return [][]byte{payload}
	}
	switch s.random.IntN(30) {
	case 0:
		return nil
	case 1:
		return [][]byte{payload, payload}
	case 2:
		changed := bytes.Clone(payload)
		changed[s.random.IntN(len(changed))] ^= 1
		return [][]byte{changed}
	case 3:
		return [][]byte{{channel.PayloadOver}, payload}
	}
	return [][]byte{payload}
}

func (s *storm) step() {
	p, d := s.phone, s.desk
	if s.closed && s.random.IntN(3) == 0 {
		s.closed = false
		p.start()
	}
	switch s.random.IntN(24) {
	case 0, 1, 2, 3, 4:
		if s.open == nil {
			s.count++
			s.ctap, s.asked = binary.BigEndian.AppendUint64([]byte{2}, s.count), time.Now()
			s.open = s.world.ask(d, p, func(r *workstation.Request) { r.CTAP, r.Deadline = s.ctap, time.Now().Add(stormDeadline) })
		}
	case 5, 6, 7, 8, 9:
		p.set(func() {
			if p.current != nil && len(p.asked) > 0 {
				last := p.asked[len(p.asked)-1]
				if step, err := p.current.Answer(time.Now(), last.Number, last.CTAP); err == nil {
					p.did(p.current, step)
				}
			}
		})
	case 10:
		if s.open != nil {
			s.open.cancel()
			<-s.open.done
			s.open = nil
		}
	case 11:
		d.breaks()
	case 12:
		p.breaks()
	case 13:
		if !s.closed {
			s.closed = true
			p.close()
		}
	case 14:
		d.setDown(s.random.IntN(4) == 0)
	case 15:
		p.setDown(s.random.IntN(3) == 0)
	case 16:
		p.set(p.drop)
	case 17:
		s.hub.Cut(s.ctx, string(s.center.desk.ID))
	case 18:
		p.set(func() { p.deaf = s.hostile && s.random.IntN(3) == 0 })
	case 19:
		s.bar([]postern.Code{"", "", "", "", postern.CodeUserSuspended, postern.CodeIntegrationDisabled}[s.random.IntN(6)], string(s.center.desk.ID), string(p.id))
	default:
		time.Sleep(time.Duration(s.random.Int64N(int64(20 * time.Second))))
	}
	synctest.Wait()
}

// look checks the request that is open or has just ended.
func (s *storm) look() {
	if s.open == nil {
		return
	}
	if s.open.open() {
		if lasted := time.Since(s.asked); lasted > stormDeadline+time.Second {
			s.fail("a request lies for %s", lasted)
		}
		return
	}
	ctap, err := s.open.wait()
	switch {
	case err == nil && !bytes.Equal(ctap, s.ctap):
		s.fail("%x was answered by %x", s.ctap, ctap)
	case err == nil:
		s.answered++
	default:
		refusal, problem := (*workstation.Refusal)(nil), (*postern.Error)(nil)
		if !errors.As(err, &refusal) && (!errors.As(err, &problem) || problem.Message == "" || problem.Next == "") {
			s.fail("an error that is not for people: %v", err)
		}
	}
	shown := 0
	s.phone.set(func() {
		for _, a := range s.phone.asked {
			if bytes.Equal(a.CTAP, s.ctap) {
				shown++
			}
		}
	})
	if shown > 4 {
		s.fail("a request was shown %d times", shown)
	}
	s.open = nil
}
