package entrasim

import "strings"

// groups makes one security group for each department, a pilot group, a nested one, a dynamic one, a Microsoft 365
// group and one synchronised from Active Directory.
func (b *seeder) groups() {
	byDepartment := make(map[string]*Group)
	for _, d := range departmentNames {
		byDepartment[d] = b.group(d, "Everybody in "+d)
	}
	dynamic := b.group("All members", "All enabled members")
	dynamic.GroupTypes = []string{"DynamicMembership"}
	dynamic.MembershipRule = `(user.userType -eq "Member") and (user.accountEnabled -eq true)`
	pilot := b.group("Passkey pilot", "First users of passkeys")
	nested := b.group("Technology", "Engineering, IT and Research")
	team := b.group("Town hall", "Company news")
	team.GroupTypes, team.SecurityEnabled, team.MailEnabled, team.Mail = []string{"Unified"}, false, true, team.MailNickname+"@"+b.t.Domain
	synced := b.group("Domain Users (corp)", "Synchronised from Active Directory")
	synced.OnPremisesSynced = true
	for _, d := range []string{"Engineering", "IT", "Research"} {
		nested.Members.add(byDepartment[d].ID, &Membership{ID: byDepartment[d].ID, Kind: "group"})
	}
	members := 0
	b.t.Users.all(func(u *User) bool {
		if u.Guest {
			return true
		}
		m := func(g *Group) { g.Members.add(u.ID, &Membership{ID: u.ID, Kind: "user"}) }
		if g := byDepartment[u.Department]; g != nil {
			m(g)
		}
		if !u.Disabled {
			m(dynamic)
		}
		if u.OnPremises != nil {
			m(synced)
		}
		if members++; members%25 == 9 {
			m(pilot)
		}
		if members%10 == 4 {
			m(team)
		}
		return true
	})
}

func (b *seeder) group(name, description string) *Group {
	nick := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, strings.ToLower(name))
	g := &Group{ID: b.id(), DisplayName: name, Description: description, MailNickname: nick, SecurityEnabled: true, Created: b.t.Created, change: 1}
	b.t.Groups.add(g.ID, g)
	return g
}
