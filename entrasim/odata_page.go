package entrasim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	defaultPage = 100
	maxPage     = 999
)

// pageMark is the place a page token points to. The token is opaque: sealed with a key of the process's tenant and
// bound to the query it continues.
type pageMark struct {
	Seq   uint64 `json:"s,omitempty"` // last sequence number shown
	Key   string `json:"k,omitempty"` // last sort key shown, with $orderby
	Since uint64 `json:"c,omitempty"` // delta: changes after this one
	Until uint64 `json:"u,omitempty"` // delta: the change this round began at
	Time  int64  `json:"t,omitempty"` // delta: when the round began
	Query string `json:"q,omitempty"` // the options that must not change
}

var errMark = errors.New("the token is not valid")

// seal writes a page token.
func (c *graphCall) seal(m pageMark) string {
	body, _ := json.Marshal(m)
	return base64.RawURLEncoding.EncodeToString(append(c.mac(body), body...))
}

func (c *graphCall) mac(body []byte) []byte {
	m := hmac.New(sha256.New, []byte("page token "+c.tenant.ID))
	m.Write(body)
	return m.Sum(nil)[:12]
}

// open reads a page token.
func (c *graphCall) open(token string) (m pageMark, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) < 12 || !hmac.Equal(raw[:12], c.mac(raw[12:])) {
		return m, errMark
	}
	if json.Unmarshal(raw[12:], &m) != nil {
		return m, errMark
	}
	return m, nil
}

// top reads $top; it answers 400 and returns false if it is out of range.
func (c *graphCall) top(normal, most int) (int, bool) {
	text := c.q.Get("$top")
	if text == "" {
		return normal, true
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		c.unsupported("Invalid page size specified: '" + text + "'. Must be between 1 and " + strconv.Itoa(most) + " inclusive.")
		return 0, false
	}
	return n, true
}

// queryKey is what a page token is bound to: everything that decides which items follow.
func (c *graphCall) queryKey() string {
	sum := sha256.Sum256([]byte(c.r.URL.Path + "|" + c.q.Get("$filter") + "|" + c.q.Get("$search") + "|" + c.q.Get("$orderby")))
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}

// mark reads $skiptoken; it answers 400 and returns false if it is not one of ours for this query.
func (c *graphCall) mark() (m pageMark, ok bool) {
	token := c.q.Get("$skiptoken")
	if token == "" {
		return m, true
	}
	m, err := c.open(token)
	if err != nil || m.Query != c.queryKey() {
		c.badRequest("Skip token is not valid.")
		return m, false
	}
	return m, true
}

// link is the address of this call with some options changed: the next page or the next delta round.
func (c *graphCall) link(set map[string]string) string {
	q := url.Values{}
	for k, v := range c.q {
		q[k] = slices.Clone(v)
	}
	q.Del("$skiptoken")
	q.Del("$deltatoken")
	for k, v := range set {
		q.Set(k, v)
	}
	path := c.rest
	if c.batch != nil {
		path = c.rest
	}
	// Graph writes the dollar sign and the commas of options as they are.
	return c.base() + "/" + path + "?" + strings.NewReplacer("%24", "$", "%2C", ",", "+", "%20").Replace(q.Encode())
}

// nextLink is the address of the following page.
func (c *graphCall) nextLink(m pageMark) string {
	m.Query = c.queryKey()
	return c.link(map[string]string{"$skiptoken": c.seal(m)})
}

// collection answers with a page of values.
func (c *graphCall) collection(context string, values []object, extra object) {
	if values == nil {
		values = []object{}
	}
	out := object{"@odata.context": c.context(context), "value": values}
	for k, v := range extra {
		out[k] = v
	}
	c.json(http.StatusOK, out)
}

// selected lists the properties of $select in lower case; nil without $select.
func (c *graphCall) selected() []string {
	text := c.q.Get("$select")
	if text == "" {
		return nil
	}
	var names []string
	for name := range strings.SplitSeq(text, ",") {
		names = append(names, strings.ToLower(strings.TrimSpace(name)))
	}
	return names
}
