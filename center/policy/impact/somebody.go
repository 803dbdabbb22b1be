package impact

// Somebody says whether the passkey method lets anybody at all sign in with such a passkey: whether a profile of some target
// has nothing against it. Whether anybody is in that target, and what Conditional Access says, is left aside.
func (j *Judge) Somebody(c Candidate) bool {
	m := &j.method
	c.AAGUID = fold(c.AAGUID)
	if !m.on {
		return false
	}
	for i := range m.include {
		t := &m.include[i]
		if m.excludes(t) {
			continue
		}
		for _, n := range t.profiles {
			if m.profiles[n].objects(c, false) == objectsNot {
				return true
			}
		}
	}
	return false
}

// excludes says whether nobody is left of an include target, as far as its own name tells.
func (m *method) excludes(t *target) bool {
	for i := range m.exclude {
		x := &m.exclude[i]
		if x.all || !t.all && x.group == t.group && x.user == t.user {
			return true
		}
	}
	return false
}
