package entrasim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// batch posts parts and returns the answers by id, with the ids in the order they came.
func (s *site) batch(parts ...object) (byID map[string]object, order []string, whole answer) {
	s.t.Helper()
	whole = s.graph("POST", "/v1.0/$batch", object{"requests": parts})
	byID = map[string]object{}
	list, _ := whole.body["responses"].([]any)
	for _, v := range list {
		o := v.(object)
		byID[o["id"].(string)] = o
		order = append(order, o["id"].(string))
	}
	return byID, order, whole
}

func get(id, url string) object { return object{"id": id, "method": "GET", "url": url} }

func TestBatch(t *testing.T) {
	s := newSite(t, Config{Users: 60})
	var parts []object
	var sent []string
	for i := range 20 {
		id := fmt.Sprint(i)
		sent = append(sent, id)
		parts = append(parts, get(id, "/users/"+s.Users[i%len(s.Users)].ID+"/authentication/fido2Methods"))
	}
	parts[3]["url"] = "users/nobody/authentication/fido2Methods"
	shuffled := false
	for range 5 { // the odds that 20 parts keep their order once are already nil
		byID, order, whole := s.batch(parts...)
		if whole.status != 200 || len(byID) != 20 {
			t.Fatalf("%d %s", whole.status, whole.raw)
		}
		for id, a := range byID {
			want := 200.0
			if id == "3" {
				want = 404
			}
			if a["status"] != want {
				t.Errorf("part %s: %v", id, a)
			}
		}
		shuffled = shuffled || !slices.Equal(order, sent)
	}
	if !shuffled {
		t.Error("parts always come back in the order they were sent")
	}
}

func TestBatchDependencies(t *testing.T) {
	s := newSite(t, Config{Users: 60})
	group := s.newGroup("Batched")
	add := func(id, user string, after ...string) object {
		return object{
			"id": id, "method": "POST", "url": "/groups/" + group + "/members/$ref", "headers": object{"Content-Type": "application/json"},
			"body": memberRef(s, user), "dependsOn": after,
		}
	}
	byID, _, whole := s.batch(add("a", s.Users[0].ID), add("b", s.Users[0].ID, "a"), add("c", s.Users[1].ID, "b"), get("d", "/groups/"+group))
	if whole.status != 200 || byID["a"]["status"] != 204.0 || byID["b"]["status"] != 400.0 || byID["c"]["status"] != 424.0 || byID["d"]["status"] != 200.0 {
		t.Fatalf("%s", whole.raw)
	}
	if _, has := byID["a"]["body"]; has {
		t.Error("a 204 part has a body")
	}
}

func TestBatchRefusals(t *testing.T) {
	s := newSite(t, Config{Users: -1})
	many := make([]object, 21)
	for i := range many {
		many[i] = get(fmt.Sprint(i), "/organization")
	}
	for _, c := range []struct {
		name string
		body any
	}{
		{"21 parts", object{"requests": many}},
		{"no parts", object{"requests": []object{}}},
		{"no JSON", "{"},
		{"doubled id", object{"requests": []object{get("1", "/organization"), get("1", "/organization")}}},
		{"no url", object{"requests": []object{{"id": "1", "method": "GET"}}}},
		{"no content type", object{"requests": []object{{"id": "1", "method": "POST", "url": "/groups", "body": object{"a": 1}}}}},
		{"unknown dependency", object{"requests": []object{{"id": "1", "method": "GET", "url": "/organization", "dependsOn": []string{"9"}}}}},
		{"circle", object{"requests": []object{{"id": "1", "method": "GET", "url": "/x", "dependsOn": []string{"2"}}, {"id": "2", "method": "GET", "url": "/x", "dependsOn": []string{"1"}}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if a := s.graph("POST", "/v1.0/$batch", c.body); a.status != 400 || a.code() != "BadRequest" {
				t.Fatalf("%d %s", a.status, a.raw)
			}
		})
	}
	byID, _, _ := s.batch(object{"id": "1", "method": "POST", "url": "/$batch", "headers": object{"Content-Type": "application/json"}, "body": object{"requests": []object{}}})
	if byID["1"]["status"] != 400.0 {
		t.Errorf("a batch in a batch: %v", byID["1"])
	}
}

// TestBatchThrottling throttles each part by itself.
func TestBatchThrottling(t *testing.T) {
	s := newSite(t, Config{Users: 60, Levers: &Levers{Throttle: true, ThrottleMethods: true}})
	var parts []object
	for i := range 8 {
		parts = append(parts, get(fmt.Sprint(i), "/users/"+s.Users[0].ID+"/authentication/fido2Methods"))
	}
	byID, _, whole := s.batch(parts...)
	ok, throttled := 0, 0
	for _, a := range byID {
		switch a["status"] {
		case 200.0:
			ok++
		case 429.0:
			throttled++
			headers, _ := a["headers"].(object)
			if headers["Retry-After"] == nil || !strings.Contains(fmt.Sprint(a["body"]), "TooManyRequests") {
				t.Errorf("%v", a)
			}
		}
	}
	if whole.status != 200 || ok != 5 || throttled != 3 {
		t.Errorf("%d: %d answered, %d throttled", whole.status, ok, throttled)
	}
}

func FuzzParseBatch(f *testing.F) {
	f.Add([]byte(`{"requests":[{"id":"1","method":"GET","url":"/users"}]}`))
	f.Add([]byte(`{"requests":[{"id":"1","method":"GET","url":"/users","dependsOn":["2"]},{"id":"2","method":"GET","url":"x"}]}`))
	f.Add([]byte(`{"requests":[{"id":"1","method":"POST","url":"%zz","headers":{"content-type":"x"},"body":"AAAA"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		parts, err := parseBatch(data)
		if err != nil {
			return
		}
		if len(parts) == 0 || len(parts) > maxParts {
			t.Fatalf("%d parts passed", len(parts))
		}
		// Every part can run: there is always one whose dependencies are done.
		status := map[string]int{}
		for range parts {
			progress := false
			for _, q := range parts {
				if _, done := status[q.ID]; !done && ready(q, status) {
					status[q.ID], progress = 200, true
				}
			}
			if len(status) == len(parts) {
				break
			}
			if !progress {
				t.Fatal("the batch cannot finish")
			}
		}
		for _, q := range parts {
			_ = partBody(q.Body)
			if _, err := json.Marshal(q.ID); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzFilter(f *testing.F) {
	for _, s := range []string{
		"displayName eq 'O''Neill'", "startsWith(displayName,'a') and not(accountEnabled eq false)", "id in ('a','b')", "methodsRegistered/any(x:x eq 'passKeyDeviceBound')",
		"createdDateTime ge 2026-04-20T00:00:00Z and userId eq 'x'", "a eq null or (b ne true)", "((((", "x/any(t: t/y eq 'z')", "'",
	} {
		f.Add(s)
	}
	user := &User{ID: "x", DisplayName: "Ada", UPN: "ada@contoso.com"}
	f.Fuzz(func(t *testing.T, text string) {
		tree, err := parseFilter(text)
		if err != nil {
			if tree != nil {
				t.Fatal("a failed parse returns a tree")
			}
			return
		}
		nodes := 0
		tree.walk(func(*filter) { nodes++ })
		if nodes > 4*maxFilterTerms {
			t.Fatalf("%d nodes", nodes)
		}
		match := tree.match(func(path string) any {
			if p := find(userProperties, path); p != nil {
				return p.get(user)
			}
			return nil
		})
		if negated := (&filter{op: "not", left: tree}).match(func(path string) any {
			if p := find(userProperties, path); p != nil {
				return p.get(user)
			}
			return nil
		}); negated == match {
			t.Fatal("a filter and its negation agree")
		}
	})
}

func FuzzODataPath(f *testing.F) {
	for _, s := range []string{"users('a@b')/authentication", "applications(appId='x')", "users/x/authentication/fido2Methods/creationOptions(challengeTimeoutInMinutes=5)", "a()", "%28%29", "users/'x"} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		path, _, err := odataPath(text)
		if err != nil || len(path) == 0 {
			return
		}
		findRoute("GET", "beta", path)
		unknownSegment(path)
	})
}
