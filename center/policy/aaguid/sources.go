package aaguid

import (
	"cmp"
	_ "embed"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/postern/postern"
)

//go:embed models.tsv
var bundledText []byte

const dateMark = "# date: "

// source is what one publisher says, and as of when.
type source struct {
	postern.ModelListSource
	Entries []postern.Model `json:"entries"` // by AAGUID
}

// sources are what a list is made of. A nil one says nothing.
type sources struct {
	FIDO      *source `json:"fido,omitempty"`
	Community *source `json:"community,omitempty"`
	Own       *source `json:"own,omitempty"` // the organisation's
	Fixed     *source `json:"-"`             // what this release knows better
}

// bundled are the sources that come with the release.
var bundled = sync.OnceValue(func() sources {
	models, err := ParseTable(bundledText)
	if err != nil {
		panic(err) // a test reads the same text
	}
	_, rest, _ := strings.Cut(string(bundledText), dateMark)
	date, _, _ := strings.Cut(rest, "\n")
	of := func(from postern.ModelSource, holds func(m postern.Model) bool) *source {
		s := &source{ModelListSource: postern.ModelListSource{Source: from, Date: date, Bundled: true, Origin: "Postern"}}
		for _, m := range models {
			if holds(m) {
				s.Entries = append(s.Entries, m)
			}
		}
		s.Models = len(s.Entries)
		return s
	}
	return sources{
		FIDO:      of(postern.ModelFromFIDO, func(m postern.Model) bool { return m.Listed }),
		Community: of(postern.ModelFromCommunity, func(m postern.Model) bool { return m.Source == postern.ModelFromCommunity }),
		Fixed: of(postern.ModelFromPostern, func(m postern.Model) bool {
			return m.Source == postern.ModelFromPostern || m.Source == postern.ModelFromMicrosoft
		}),
	}
})

// Bundled returns the list that comes with this release.
var Bundled = sync.OnceValue(func() *List { return bundled().list() })

// newest returns of the release and of what was stored, source by source, the newer.
func newest(stored sources) sources {
	now := bundled()
	for _, p := range []struct {
		have **source
		or   *source
	}{{&now.FIDO, stored.FIDO}, {&now.Community, stored.Community}, {&now.Own, stored.Own}} {
		if p.or != nil && (*p.have == nil || p.or.Date >= (*p.have).Date) {
			*p.have = p.or
		}
	}
	return now
}

func (s sources) all() []*source {
	return slices.DeleteFunc([]*source{s.FIDO, s.Community, s.Fixed, s.Own}, func(one *source) bool { return one == nil })
}

// list puts the sources together. Who names a model: the organisation before this release, the release before FIDO, FIDO
// before the community. The community knows what sort of thing its members make, and FIDO what is certified.
func (s sources) list() *List {
	merged := map[string]postern.Model{}
	for _, m := range s.community() {
		merged[m.AAGUID] = m
	}
	if s.FIDO != nil {
		for _, m := range s.FIDO.Entries {
			m.Source = postern.ModelFromFIDO
			if from, ok := merged[m.AAGUID]; ok {
				m.Kind, m.Vendor = from.Kind, cmp.Or(from.Vendor, m.Vendor)
			}
			merged[m.AAGUID] = m
		}
	}
	for _, over := range []*source{s.Fixed, s.Own} {
		if over == nil {
			continue
		}
		for _, m := range over.Entries {
			was := merged[m.AAGUID] // what FIDO says of certification stands
			m.Listed, m.FIPS, m.Status = was.Listed, m.FIPS || was.FIPS, was.Status
			if over == s.Own {
				m.Kind, m.Vendor = cmp.Or(was.Kind, m.Kind), cmp.Or(was.Vendor, m.Vendor)
			}
			merged[m.AAGUID] = m
		}
	}
	return newList(slices.Collect(maps.Values(merged)), s.all())
}

func (s sources) community() []postern.Model {
	if s.Community == nil {
		return nil
	}
	return s.Community.Entries
}
