package entrasim

import (
	"net/http"
	"regexp"
	"sort"
	"strings"
	"time"
)

// userQuery is a checked query over users.
type userQuery struct {
	selected []string
	filter   *filter
	search   []searchTerm
	orderBy  *property[User]
	descend  bool
	count    bool
	now      time.Time
}

type searchTerm struct{ property, text string }

// eventual says whether the caller accepts answers from the index.
func (c *graphCall) eventual() bool {
	return strings.EqualFold(c.r.Header.Get("ConsistencyLevel"), "eventual")
}

// advanced says whether the caller asked for advanced query capabilities: the header and $count=true together.
func (c *graphCall) advanced() bool {
	return c.eventual() && (strings.EqualFold(c.q.Get("$count"), "true") || strings.HasSuffix(strings.ToLower(c.rest), "/$count"))
}

// userQuery reads and checks the options of a list call. It answers the error itself.
func (c *graphCall) userQuery() (q userQuery, ok bool) {
	q.now = c.s.now()
	if q.selected, ok = c.selectUsers(); !ok {
		return q, false
	}
	if c.q.Has("$skip") {
		c.fail(http.StatusBadRequest, "Request_BadRequest", "'$skip' is not supported by the service.")
		return q, false
	}
	if text := c.q.Get("$filter"); text != "" {
		f, err := parseFilter(text)
		if err != nil {
			c.fail(http.StatusBadRequest, "BadRequest", err.Error())
			return q, false
		}
		if problem := checkFilter(f, userProperties, "user", c.advanced()); problem != nil {
			c.fail(http.StatusBadRequest, problem.code, problem.message)
			return q, false
		}
		q.filter = f
	}
	if text := c.q.Get("$search"); text != "" {
		if !c.eventual() {
			c.unsupported("Request with $search query parameter only works through MSGraph with a special request header: 'ConsistencyLevel: eventual'")
			return q, false
		}
		if q.search, ok = parseSearch(text); !ok {
			c.fail(http.StatusBadRequest, "BadRequest", "Syntax error: the $search clause must be of the form \"property:value\".")
			return q, false
		}
	}
	if text := c.q.Get("$orderby"); text != "" {
		name, direction, _ := strings.Cut(strings.TrimSpace(text), " ")
		q.orderBy, q.descend = find(userProperties, name), strings.EqualFold(strings.TrimSpace(direction), "desc")
		switch {
		case q.orderBy == nil || q.orderBy.name != "displayName" && q.orderBy.name != "userPrincipalName" && q.orderBy.name != "createdDateTime":
			c.unsupported("Sorting not supported for current query.")
			return q, false
		case q.filter != nil && !c.advanced():
			c.unsupported("Sorting not supported for current query.")
			return q, false
		}
	}
	q.count = c.eventual() && strings.EqualFold(c.q.Get("$count"), "true")
	return q, true
}

type queryProblem struct{ code, message string }

// checkFilter refuses what the directory does not run: unknown properties, and operators that need advanced query
// capabilities when these were not asked for.
func checkFilter[T any](f *filter, props []property[T], kind string, advanced bool) (problem *queryProblem) {
	f.walk(func(n *filter) {
		if problem != nil {
			return
		}
		if n.path != "" {
			p := find(props, n.path)
			switch {
			case p == nil && !strings.Contains(n.path, "/"):
				problem = &queryProblem{"BadRequest", "Invalid filter clause: Could not find a property named '" + n.path + "' on type 'microsoft.graph." + kind + "'."}
				return
			case p == nil || p.noIndex:
				problem = &queryProblem{"Request_UnsupportedQuery", "Unsupported or invalid query filter clause specified for property '" + n.path + "' of resource '" + strings.ToUpper(kind[:1]) + kind[1:] + "'."}
				return
			}
		}
		switch n.op {
		case "contains":
			problem = &queryProblem{"Request_UnsupportedQuery", "Unsupported Query: the function 'contains' is not supported."}
		case "ne", "not", "endswith":
			if !advanced {
				problem = &queryProblem{"Request_UnsupportedQuery", "Operator '" + n.op + "' is not supported because the required parameters might be missing. " +
					"Try adding $count=true query parameter and ConsistencyLevel:eventual header. Refer to https://aka.ms/graph-docs/advanced-queries for more information"}
			}
		case "eq":
			if n.value[0].kind == nullLiteral && !advanced {
				problem = &queryProblem{"Request_UnsupportedQuery", "Unsupported or invalid query filter clause specified for property '" + n.path + "' of resource '" + strings.ToUpper(kind[:1]) + kind[1:] + "'."}
			}
		}
	})
	return problem
}

var searchClause = regexp.MustCompile(`"([A-Za-z]+):((?:[^"\\]|\\.)*)"`)

// parseSearch reads $search: "displayName:ada" and such, joined by AND or OR; the emulator takes OR for either unless
// only AND stands between them.
func parseSearch(text string) ([]searchTerm, bool) {
	if len(text) > 1024 {
		return nil, false
	}
	var terms []searchTerm
	for _, m := range searchClause.FindAllStringSubmatch(text, 10) {
		terms = append(terms, searchTerm{m[1], strings.ReplaceAll(m[2], `\`, "")})
	}
	return terms, len(terms) > 0
}

// match says whether a user belongs to the answer.
func (q *userQuery) match(u *User) bool {
	if !u.visible(q.now) {
		return false
	}
	get := func(path string) any {
		if p := find(userProperties, path); p != nil {
			return p.get(u)
		}
		return nil
	}
	if q.filter != nil && !q.filter.match(get) {
		return false
	}
	if q.search == nil {
		return true
	}
	for _, t := range q.search {
		if s, ok := get(t.property).(string); ok && searchMatch(s, t.text) {
			return true
		}
	}
	return false
}

// searchMatch is the tokenized search of the directory: every word asked for must begin a word of the value.
func searchMatch(value, wanted string) bool {
	split := func(s string) []string {
		return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return strings.ContainsRune(" .,-_@#'()", r) })
	}
	words := split(value)
	for _, w := range split(wanted) {
		found := false
		for _, v := range words {
			found = found || strings.HasPrefix(v, w)
		}
		if !found {
			return false
		}
	}
	return true
}

// run returns the page after a mark, and the mark of the next page if there is one. Pages go by the order of creation, or
// by the sort key and then creation: an item is neither lost nor doubled when others come and go meanwhile. The caller
// holds the lock.
func (q *userQuery) run(t *Tenant, from pageMark, size int) (page []*User, next *pageMark) {
	if q.orderBy != nil {
		return q.sorted(t, from, size)
	}
	var last uint64
	t.Users.after(from.Seq, func(seq uint64, u *User) bool {
		if !q.match(u) {
			return true
		}
		if len(page) == size {
			next = &pageMark{Seq: last}
			return false
		}
		page, last = append(page, u), seq
		return true
	})
	return page, next
}

func (q *userQuery) sorted(t *Tenant, from pageMark, size int) (page []*User, next *pageMark) {
	type item struct {
		key string
		seq uint64
		u   *User
	}
	var items []item
	t.Users.after(0, func(seq uint64, u *User) bool {
		if q.match(u) {
			key, _ := shown(q.orderBy.get(u)).(string)
			items = append(items, item{strings.ToLower(key), seq, u})
		}
		return true
	})
	less := func(a, b item) bool {
		if a.key != b.key {
			return a.key < b.key != q.descend
		}
		return a.seq < b.seq
	}
	sort.Slice(items, func(i, j int) bool { return less(items[i], items[j]) })
	at := 0
	if from.Seq != 0 {
		mark := item{key: from.Key, seq: from.Seq}
		at = sort.Search(len(items), func(i int) bool { return less(mark, items[i]) })
	}
	for ; at < len(items) && len(page) < size; at++ {
		page = append(page, items[at].u)
	}
	if at < len(items) && at > 0 {
		next = &pageMark{Key: items[at-1].key, Seq: items[at-1].seq}
	}
	return page, next
}

// total counts the whole answer. The caller holds the lock.
func (q *userQuery) total(t *Tenant) (n int) {
	t.Users.all(func(u *User) bool {
		if q.match(u) {
			n++
		}
		return true
	})
	return n
}
