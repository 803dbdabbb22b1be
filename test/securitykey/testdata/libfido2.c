/*
 * libfido2 as the client of a security key on a UDP port: a line "ok NAME" for
 * each thing it did, and on the first failure a line "FAIL …" and exit code 1.
 */
#include "udp.h"

#include <fido/config.h>
#include <fido/credman.h>
#include <fido/eddsa.h>
#include <fido/es256.h>
#include <fido/rs256.h>
#include <stdbool.h>
#include <stdio.h>

static const char *path;
static const unsigned char hash[32] = {1, 2, 3};
static const char *const rp = "example.com";

static void fail(const char *what, int r) {
	printf("FAIL %s: %s (%#x)\n", what, fido_strerr(r), r);
	exit(1);
}

static void want(const char *what, int got, int expected) {
	if (got != expected)
		fail(what, got);
}

static void check(const char *what, bool right) {
	if (!right) {
		printf("FAIL %s\n", what);
		exit(1);
	}
}

static void ok(const char *name) {
	printf("ok %s\n", name);
	fflush(stdout);
}

static fido_dev_t *dev(void) {
	fido_dev_t *d = fido_dev_new();

	want("io functions", fido_dev_set_io_functions(d, &udp_io), FIDO_OK);
	want("open", fido_dev_open(d, path), FIDO_OK);
	return d;
}

static void done(fido_dev_t *d) {
	fido_dev_close(d);
	fido_dev_free(&d);
}

/* power_cycle sends the datagram that the simulator port takes for it. */
static void power_cycle(void) {
	static const unsigned char magic[REPORT] = {
	    0xac, 0x10, 0x52, 0xca, 0x95, 0xe5, 0x69, 0xde, 0x69, 0xe0, 0x2e, 0xbf, 0xf3, 0x33, 0x48, 0x5f,
	    0x13, 0xf9, 0xb2, 0xda, 0x34, 0xc5, 0xa8, 0xa3, 0x40, 0x52, 0x66, 0x97, 0xa9, 0xab, 0x2e, 0x0b,
	    0x39, 0x4d, 0x8d, 0x04, 0x97, 0x3c, 0x13, 0x40, 0x05, 0xbe, 0x1a, 0x01, 0x40, 0xbf, 0xf6, 0x04,
	    0x5b, 0xb2, 0x6e, 0xb7, 0x7a, 0x73, 0xea, 0xa4, 0x78, 0x13, 0xf6, 0xb4, 0x9a, 0x72, 0x50, 0xdc};
	void *h = udp_open(path);

	check("power cycle", h != NULL && send(*(int *)h, magic, REPORT, 0) == REPORT);
	udp_close(h);
}

static fido_cred_t *request(int type, unsigned char user, fido_opt_t rk, int extensions) {
	fido_cred_t *c = fido_cred_new();
	unsigned char id[32] = {user};

	want("type", fido_cred_set_type(c, type), FIDO_OK);
	want("hash", fido_cred_set_clientdata_hash(c, hash, sizeof(hash)), FIDO_OK);
	want("rp", fido_cred_set_rp(c, rp, "Example"), FIDO_OK);
	want("user", fido_cred_set_user(c, id, sizeof(id), "alex@example.com", "Alex", NULL), FIDO_OK);
	want("rk", fido_cred_set_rk(c, rk), FIDO_OK);
	want("extensions", fido_cred_set_extensions(c, extensions), FIDO_OK);
	return c;
}

static void verify(fido_cred_t *c) {
	if (fido_cred_x5c_ptr(c) != NULL)
		want("verify attestation", fido_cred_verify(c), FIDO_OK);
	else if (strcmp(fido_cred_fmt(c), "none") != 0)
		want("verify self attestation", fido_cred_verify_self(c), FIDO_OK);
}

static fido_cred_t *make(int type, unsigned char user, fido_opt_t rk, int extensions, const char *pin) {
	fido_dev_t *d = dev();
	fido_cred_t *c = request(type, user, rk, extensions);

	if (extensions & FIDO_EXT_CRED_PROTECT)
		want("protection", fido_cred_set_prot(c, FIDO_CRED_PROT_UV_OPTIONAL_WITH_ID), FIDO_OK);
	if (extensions & FIDO_EXT_CRED_BLOB)
		want("blob", fido_cred_set_blob(c, (const unsigned char *)"a small blob", 12), FIDO_OK);
	if (extensions & FIDO_EXT_MINPINLEN)
		want("minimum", fido_cred_set_pin_minlen(c, 4), FIDO_OK);
	want("makeCredential", fido_dev_make_cred(d, c, pin), FIDO_OK);
	verify(c);
	done(d);
	return c;
}

static void verify_assertion(const fido_assert_t *a, size_t i, const fido_cred_t *c) {
	int type = fido_cred_type(c), r = FIDO_ERR_INTERNAL;
	const unsigned char *key = fido_cred_pubkey_ptr(c);
	size_t len = fido_cred_pubkey_len(c);

	if (type == COSE_ES256) {
		es256_pk_t *pk = es256_pk_new();
		if ((r = es256_pk_from_ptr(pk, key, len)) == FIDO_OK)
			r = fido_assert_verify(a, i, type, pk);
		es256_pk_free(&pk);
	} else if (type == COSE_EDDSA) {
		eddsa_pk_t *pk = eddsa_pk_new();
		if ((r = eddsa_pk_from_ptr(pk, key, len)) == FIDO_OK)
			r = fido_assert_verify(a, i, type, pk);
		eddsa_pk_free(&pk);
	} else if (type == COSE_RS256) {
		rs256_pk_t *pk = rs256_pk_new();
		if ((r = rs256_pk_from_ptr(pk, key, len)) == FIDO_OK)
			r = fido_assert_verify(a, i, type, pk);
		rs256_pk_free(&pk);
	}
	want("verify assertion", r, FIDO_OK);
}

static fido_assert_t *ask(const fido_cred_t *allowed, int extensions) {
	fido_assert_t *a = fido_assert_new();

	want("hash", fido_assert_set_clientdata_hash(a, hash, sizeof(hash)), FIDO_OK);
	want("rp", fido_assert_set_rp(a, rp), FIDO_OK);
	want("extensions", fido_assert_set_extensions(a, extensions), FIDO_OK);
	if (allowed != NULL)
		want("allow", fido_assert_allow_cred(a, fido_cred_id_ptr(allowed), fido_cred_id_len(allowed)), FIDO_OK);
	return a;
}

static void get(fido_assert_t *a, const char *pin) {
	fido_dev_t *d = dev();

	want("getAssertion", fido_dev_get_assert(d, a, pin), FIDO_OK);
	done(d);
}

static void sign_in(const fido_cred_t *c, const char *pin) {
	fido_assert_t *a = ask(c, 0);

	get(a, pin);
	check("one assertion", fido_assert_count(a) == 1);
	verify_assertion(a, 0, c);
	fido_assert_free(&a);
}

static void info(void) {
	fido_dev_t *d = dev();
	fido_cbor_info_t *i = fido_cbor_info_new();

	check("FIDO2", fido_dev_is_fido2(d) && fido_dev_supports_pin(d) && !fido_dev_has_pin(d));
	check("features", fido_dev_supports_credman(d) && fido_dev_supports_cred_prot(d) && fido_dev_supports_permissions(d));
	want("getInfo", fido_dev_get_cbor_info(d, i), FIDO_OK);
	check("algorithms", fido_cbor_info_algorithm_count(i) >= 1 && fido_cbor_info_algorithm_cose(i, 0) == COSE_ES256);
	check("protocols", fido_cbor_info_protocols_len(i) == 2);
	check("sizes", fido_cbor_info_maxcredbloblen(i) >= 32 && fido_cbor_info_maxlargeblob(i) >= 1024 && fido_cbor_info_minpinlen(i) == 4);
	fido_cbor_info_free(&i);
	done(d);
	ok("getInfo");
}

static void algorithms(void) {
	static const int types[] = {COSE_ES256, COSE_EDDSA, COSE_RS256};

	for (size_t i = 0; i < 3; i++) {
		fido_cred_t *c = make(types[i], 1, FIDO_OPT_OMIT, 0, NULL);
		sign_in(c, NULL);
		fido_cred_free(&c);
	}
	ok("register and sign in with ES256, EdDSA, RS256");
}

static void excluded(void) {
	fido_cred_t *old = make(COSE_ES256, 1, FIDO_OPT_OMIT, 0, NULL), *c = request(COSE_ES256, 2, FIDO_OPT_OMIT, 0);
	fido_dev_t *d = dev();

	want("exclude", fido_cred_exclude(c, fido_cred_id_ptr(old), fido_cred_id_len(old)), FIDO_OK);
	want("excluded", fido_dev_make_cred(d, c, NULL), FIDO_ERR_CREDENTIAL_EXCLUDED);
	done(d);
	fido_cred_free(&old);
	fido_cred_free(&c);
	ok("exclude list");
}

static void u2f(void) {
	fido_cred_t *c = request(COSE_ES256, 1, FIDO_OPT_OMIT, 0);
	fido_assert_t *a;
	fido_dev_t *d = dev();

	fido_dev_force_u2f(d);
	want("U2F register", fido_dev_make_cred(d, c, NULL), FIDO_OK);
	check("format", strcmp(fido_cred_fmt(c), "fido-u2f") == 0);
	want("verify U2F attestation", fido_cred_verify(c), FIDO_OK);
	a = ask(c, 0);
	want("U2F authenticate", fido_dev_get_assert(d, a, NULL), FIDO_OK);
	verify_assertion(a, 0, c);
	done(d);
	fido_assert_free(&a);
	sign_in(c, NULL); /* the same credential by CTAP2 */
	fido_cred_free(&c);
	c = make(COSE_ES256, 1, FIDO_OPT_OMIT, 0, NULL);
	a = ask(c, 0);
	d = dev();
	fido_dev_force_u2f(d);
	want("U2F with a CTAP2 credential", fido_dev_get_assert(d, a, NULL), FIDO_OK);
	verify_assertion(a, 0, c);
	done(d);
	fido_assert_free(&a);
	fido_cred_free(&c);
	ok("U2F, and the same credentials by CTAP2");
}

static void pins(void) {
	fido_dev_t *d = dev();
	int left;

	want("PIN too short", fido_dev_set_pin(d, "123", NULL), FIDO_ERR_PIN_POLICY_VIOLATION);
	want("set PIN", fido_dev_set_pin(d, "1234", NULL), FIDO_OK);
	want("retries", fido_dev_get_retry_count(d, &left), FIDO_OK);
	check("8 retries", left == 8);
	want("wrong PIN", fido_dev_set_pin(d, "abcd", "9999"), FIDO_ERR_PIN_INVALID);
	want("retries", fido_dev_get_retry_count(d, &left), FIDO_OK);
	check("7 retries", left == 7);
	want("change PIN", fido_dev_set_pin(d, "\xc3\xa4\xc3\xb6\xc3\xbc\xf0\x9f\x94\x91", "1234"), FIDO_OK);
	want("change PIN back", fido_dev_set_pin(d, "1234", "\xc3\xa4\xc3\xb6\xc3\xbc\xf0\x9f\x94\x91"), FIDO_OK);
	want("retries", fido_dev_get_retry_count(d, &left), FIDO_OK);
	check("8 retries again", left == 8);
	for (int i = 0; i < 2; i++)
		want("wrong PIN", fido_dev_set_pin(d, "abcd", "9999"), FIDO_ERR_PIN_INVALID);
	want("third wrong PIN", fido_dev_set_pin(d, "abcd", "9999"), FIDO_ERR_PIN_AUTH_BLOCKED);
	want("right PIN while blocked", fido_dev_set_pin(d, "abcd", "1234"), FIDO_ERR_PIN_AUTH_BLOCKED);
	done(d);
	power_cycle();
	d = dev();
	want("right PIN after a power cycle", fido_dev_set_pin(d, "1234", "1234"), FIDO_OK);
	done(d);
	ok("PIN: set, change, retries, blocked until a power cycle");
}

static void discoverable(void) {
	fido_cred_t *first = make(COSE_ES256, 11, FIDO_OPT_TRUE, FIDO_EXT_CRED_PROTECT, "1234");
	fido_cred_t *second = make(COSE_EDDSA, 12, FIDO_OPT_TRUE, 0, "1234");
	fido_assert_t *a = ask(NULL, 0);

	check("protection", fido_cred_prot(first) == FIDO_CRED_PROT_UV_OPTIONAL_WITH_ID);
	get(a, "1234");
	check("two accounts", fido_assert_count(a) == 2);
	check("newest first", fido_assert_user_id_ptr(a, 0)[0] == 12 && fido_assert_user_id_ptr(a, 1)[0] == 11);
	check("names with verification", strcmp(fido_assert_user_name(a, 0), "alex@example.com") == 0);
	verify_assertion(a, 0, second);
	verify_assertion(a, 1, first);
	fido_assert_free(&a);
	a = ask(NULL, 0); /* without verification level 2 hides the first */
	get(a, NULL);
	check("one account", fido_assert_count(a) == 1 && fido_assert_user_name(a, 0) == NULL);
	fido_assert_free(&a);
	sign_in(first, NULL);
	fido_cred_free(&first);
	fido_cred_free(&second);
	ok("discoverable credentials, credProtect");
}

static void secret(const fido_cred_t *c, const char *pin, unsigned char salt, size_t salts, unsigned char *out) {
	fido_assert_t *a = ask(c, FIDO_EXT_HMAC_SECRET);
	unsigned char in[64] = {salt};

	want("salt", fido_assert_set_hmac_salt(a, in, 32 * salts), FIDO_OK);
	get(a, pin);
	check("secret", fido_assert_hmac_secret_len(a, 0) == 32 * salts);
	memcpy(out, fido_assert_hmac_secret_ptr(a, 0), 32 * salts);
	verify_assertion(a, 0, c);
	fido_assert_free(&a);
}

static void hmac_secret(void) {
	fido_cred_t *c = make(COSE_ES256, 21, FIDO_OPT_TRUE, FIDO_EXT_HMAC_SECRET, "1234");
	unsigned char one[64], again[64], other[64], two[64], unverified[64];

	secret(c, "1234", 1, 1, one);
	secret(c, "1234", 1, 1, again);
	secret(c, "1234", 2, 1, other);
	secret(c, "1234", 1, 2, two);
	secret(c, NULL, 1, 1, unverified);
	check("same salt, same secret", memcmp(one, again, 32) == 0 && memcmp(one, two, 32) == 0);
	check("other salt, other secret", memcmp(one, other, 32) != 0 && memcmp(two, two + 32, 32) != 0);
	check("another secret without verification", memcmp(one, unverified, 32) != 0);
	fido_cred_free(&c);
	ok("hmac-secret");
}

static void blobs(void) {
	fido_cred_t *c = make(COSE_ES256, 31, FIDO_OPT_TRUE, FIDO_EXT_CRED_BLOB | FIDO_EXT_LARGEBLOB_KEY, "1234");
	fido_assert_t *a = ask(c, FIDO_EXT_CRED_BLOB | FIDO_EXT_LARGEBLOB_KEY);
	const unsigned char *key = fido_cred_largeblob_key_ptr(c);
	size_t len = fido_cred_largeblob_key_len(c), got;
	unsigned char *blob, large[1500];
	fido_dev_t *d;

	check("large blob key", key != NULL && len == 32);
	get(a, "1234");
	check("credBlob", fido_assert_blob_len(a, 0) == 12 && memcmp(fido_assert_blob_ptr(a, 0), "a small blob", 12) == 0);
	check("the same key", fido_assert_largeblob_key_len(a, 0) == len && memcmp(fido_assert_largeblob_key_ptr(a, 0), key, len) == 0);
	fido_assert_free(&a);
	for (size_t i = 0; i < sizeof(large); i++)
		large[i] = (unsigned char)(i * i * 31 + i / 7); /* hard to compress, so that it takes fragments */
	d = dev();
	want("large blob set", fido_dev_largeblob_set(d, key, len, large, sizeof(large), "1234"), FIDO_OK);
	done(d);
	power_cycle();
	d = dev();
	want("large blob get", fido_dev_largeblob_get(d, key, len, &blob, &got), FIDO_OK);
	check("large blob", got == sizeof(large) && memcmp(blob, large, got) == 0);
	free(blob);
	want("large blob remove", fido_dev_largeblob_remove(d, key, len, "1234"), FIDO_OK);
	want("large blob gone", fido_dev_largeblob_get(d, key, len, &blob, &got), FIDO_ERR_NOTFOUND);
	done(d);
	fido_cred_free(&c);
	ok("credBlob, large blobs");
}

static void management(void) {
	fido_dev_t *d = dev();
	fido_credman_metadata_t *m = fido_credman_metadata_new();
	fido_credman_rp_t *rps = fido_credman_rp_new();
	fido_credman_rk_t *rks = fido_credman_rk_new();
	const fido_cred_t *c;
	fido_cred_t *changed = fido_cred_new();
	uint64_t before;
	size_t count;

	want("metadata", fido_credman_get_dev_metadata(d, m, "1234"), FIDO_OK);
	before = fido_credman_rk_existing(m);
	check("some exist, some fit", before >= 4 && fido_credman_rk_remaining(m) > 0);
	want("relying parties", fido_credman_get_dev_rp(d, rps, "1234"), FIDO_OK);
	check("one relying party", fido_credman_rp_count(rps) == 1 && strcmp(fido_credman_rp_id(rps, 0), rp) == 0);
	want("credentials", fido_credman_get_dev_rk(d, rp, rks, "1234"), FIDO_OK);
	check("as many as counted", (count = fido_credman_rk_count(rks)) == before);
	c = fido_credman_rk(rks, 0);
	want("id", fido_cred_set_id(changed, fido_cred_id_ptr(c), fido_cred_id_len(c)), FIDO_OK);
	want("user", fido_cred_set_user(changed, fido_cred_user_id_ptr(c), fido_cred_user_id_len(c), "new@example.com", "New", NULL), FIDO_OK);
	want("update", fido_credman_set_dev_rk(d, changed, "1234"), FIDO_OK);
	want("delete", fido_credman_del_dev_rk(d, fido_cred_id_ptr(fido_credman_rk(rks, 1)), fido_cred_id_len(fido_credman_rk(rks, 1)), "1234"), FIDO_OK);
	fido_credman_rk_free(&rks);
	rks = fido_credman_rk_new();
	want("credentials", fido_credman_get_dev_rk(d, rp, rks, "1234"), FIDO_OK);
	check("one less", fido_credman_rk_count(rks) == count - 1);
	for (size_t i = 0; i < count - 1; i++) {
		c = fido_credman_rk(rks, i);
		if (fido_cred_id_len(c) == fido_cred_id_len(changed) && memcmp(fido_cred_id_ptr(c), fido_cred_id_ptr(changed), fido_cred_id_len(c)) == 0)
			check("renamed", strcmp(fido_cred_user_name(c), "new@example.com") == 0);
	}
	fido_credman_metadata_free(&m);
	fido_credman_rp_free(&rps);
	fido_credman_rk_free(&rks);
	fido_cred_free(&changed);
	done(d);
	ok("credential management");
}

static void config(void) {
	static const char *const rps[] = {"example.com"};
	fido_dev_t *d = dev();
	fido_cred_t *c;

	want("relying parties of the minimum", fido_dev_set_pin_minlen_rpid(d, rps, 1, "1234"), FIDO_OK);
	done(d);
	c = make(COSE_ES256, 41, FIDO_OPT_OMIT, FIDO_EXT_MINPINLEN, "1234");
	check("minimum told", fido_cred_pin_minlen(c) == 4);
	fido_cred_free(&c);
	d = dev();
	want("always verify", fido_dev_toggle_always_uv(d, "1234"), FIDO_OK);
	c = request(COSE_ES256, 42, FIDO_OPT_OMIT, 0);
	want("without PIN", fido_dev_make_cred(d, c, NULL), FIDO_ERR_PIN_REQUIRED);
	fido_cred_free(&c);
	want("verify when asked", fido_dev_toggle_always_uv(d, "1234"), FIDO_OK);
	want("longer minimum", fido_dev_set_pin_minlen(d, 6, "1234"), FIDO_OK);
	want("shorter minimum", fido_dev_set_pin_minlen(d, 5, "1234"), FIDO_ERR_PIN_POLICY_VIOLATION);
	want("too short now", fido_dev_set_pin(d, "12345", "1234"), FIDO_ERR_PIN_POLICY_VIOLATION);
	want("long enough", fido_dev_set_pin(d, "123456", "1234"), FIDO_OK);
	want("demand a change", fido_dev_force_pin_change(d, "123456"), FIDO_OK);
	want("not the same again", fido_dev_set_pin(d, "123456", "123456"), FIDO_ERR_PIN_POLICY_VIOLATION);
	want("changed", fido_dev_set_pin(d, "654321", "123456"), FIDO_OK);
	done(d);
	ok("settings: minimum PIN length, alwaysUv, demand for a change");
}

static void reset(void) {
	fido_dev_t *d;
	fido_assert_t *a = ask(NULL, 0);

	power_cycle();
	d = dev();
	want("reset", fido_dev_reset(d), FIDO_OK);
	done(d);
	d = dev();
	check("no PIN", !fido_dev_has_pin(d));
	want("no credential", fido_dev_get_assert(d, a, NULL), FIDO_ERR_NO_CREDENTIALS);
	done(d);
	fido_assert_free(&a);
	ok("reset");
}

int main(int argc, char **argv) {
	if (argc != 2) {
		fprintf(stderr, "usage: %s udp:PORT\n", argv[0]);
		return 2;
	}
	path = argv[1];
	fido_init(getenv("FIDO_DEBUG") != NULL ? FIDO_DEBUG : 0);
	info();
	algorithms();
	excluded();
	u2f();
	pins();
	discoverable();
	hmac_secret();
	blobs();
	management();
	config();
	reset();
	return 0;
}
