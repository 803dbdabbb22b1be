/*
 * A SecurityKeyProvider for OpenSSH (sk-api version 10) that reaches, through
 * libfido2, a security key on the UDP port named by SK_UDP_PORT.
 */
#include "udp.h"

#include <fido/eddsa.h>
#include <fido/es256.h>
#include <openssl/ecdsa.h>
#include <openssl/sha.h>
#include <stdio.h>

enum { API = 0x000a0000, ECDSA = 0, ED25519 = 1 };
enum { VERIFY = 0x04, RESIDENT = 0x20 };
enum { GENERAL = -1, UNSUPPORTED = -2, PIN_REQUIRED = -3, NO_DEVICE = -4, EXISTS = -5 };

struct option {
	char *name, *value;
	uint8_t required;
};

struct enrolled {
	uint8_t flags;
	uint8_t *public_key;
	size_t public_key_len;
	uint8_t *key_handle;
	size_t key_handle_len;
	uint8_t *signature;
	size_t signature_len;
	uint8_t *certificate;
	size_t certificate_len;
	uint8_t *authdata;
	size_t authdata_len;
};

struct signature {
	uint8_t flags;
	uint32_t counter;
	uint8_t *r;
	size_t r_len;
	uint8_t *s;
	size_t s_len;
};

struct resident {
	uint32_t alg;
	size_t slot;
	char *application;
	struct enrolled key;
	uint8_t flags;
	uint8_t *user_id;
	size_t user_id_len;
};

uint32_t sk_api_version(void) { return API; }

static int code(int r) {
	switch (r) {
	case FIDO_OK:
		return 0;
	case FIDO_ERR_PIN_REQUIRED:
	case FIDO_ERR_PIN_INVALID:
		return PIN_REQUIRED;
	case FIDO_ERR_UNSUPPORTED_ALGORITHM:
	case FIDO_ERR_UNSUPPORTED_OPTION:
		return UNSUPPORTED;
	case FIDO_ERR_CREDENTIAL_EXCLUDED:
		return EXISTS;
	}
	return GENERAL;
}

static void copy(uint8_t **to, size_t *len, const unsigned char *from, size_t n) {
	if (from == NULL || n == 0 || (*to = malloc(n)) == NULL)
		return;
	memcpy(*to, from, n);
	*len = n;
}

static fido_dev_t *device(void) {
	char path[32];
	const char *port = getenv("SK_UDP_PORT");
	fido_dev_t *d;

	fido_init(0);
	snprintf(path, sizeof(path), "udp:%s", port == NULL ? "8111" : port);
	if ((d = fido_dev_new()) == NULL || fido_dev_set_io_functions(d, &udp_io) != FIDO_OK || fido_dev_open(d, path) != FIDO_OK)
		fido_dev_free(&d);
	return d;
}

int sk_enroll(uint32_t alg, const uint8_t *challenge, size_t challenge_len, const char *application, uint8_t flags,
    const char *pin, struct option **options, struct enrolled **out) {
	static const unsigned char user[32];
	fido_dev_t *d = device();
	fido_cred_t *c = fido_cred_new();
	struct enrolled *e = calloc(1, sizeof(*e));
	int r;

	(void)options;
	if (d == NULL)
		return NO_DEVICE;
	if (c == NULL || e == NULL)
		return GENERAL;
	if ((r = fido_cred_set_type(c, alg == ED25519 ? COSE_EDDSA : COSE_ES256)) == FIDO_OK &&
	    (r = fido_cred_set_clientdata(c, challenge, challenge_len)) == FIDO_OK &&
	    (r = fido_cred_set_rp(c, application, NULL)) == FIDO_OK &&
	    (r = fido_cred_set_user(c, user, sizeof(user), "openssh", "openssh", NULL)) == FIDO_OK &&
	    (r = fido_cred_set_rk(c, flags & RESIDENT ? FIDO_OPT_TRUE : FIDO_OPT_OMIT)) == FIDO_OK)
		r = fido_dev_make_cred(d, c, pin);
	if (r == FIDO_OK) {
		uint8_t point[65] = {4};

		if (alg == ECDSA) {
			memcpy(point + 1, fido_cred_pubkey_ptr(c), 64);
			copy(&e->public_key, &e->public_key_len, point, sizeof(point));
		} else {
			copy(&e->public_key, &e->public_key_len, fido_cred_pubkey_ptr(c), fido_cred_pubkey_len(c));
		}
		e->flags = flags;
		copy(&e->key_handle, &e->key_handle_len, fido_cred_id_ptr(c), fido_cred_id_len(c));
		copy(&e->signature, &e->signature_len, fido_cred_sig_ptr(c), fido_cred_sig_len(c));
		copy(&e->certificate, &e->certificate_len, fido_cred_x5c_ptr(c), fido_cred_x5c_len(c));
		copy(&e->authdata, &e->authdata_len, fido_cred_authdata_ptr(c), fido_cred_authdata_len(c));
		*out = e;
	}
	fido_cred_free(&c);
	fido_dev_close(d);
	fido_dev_free(&d);
	return code(r);
}

int sk_sign(uint32_t alg, const uint8_t *data, size_t data_len, const char *application, const uint8_t *handle,
    size_t handle_len, uint8_t flags, const char *pin, struct option **options, struct signature **out) {
	fido_dev_t *d = device();
	fido_assert_t *a = fido_assert_new();
	struct signature *s = calloc(1, sizeof(*s));
	int r;

	(void)options;
	if (d == NULL)
		return NO_DEVICE;
	if (a == NULL || s == NULL)
		return GENERAL;
	if ((r = fido_assert_set_clientdata(a, data, data_len)) == FIDO_OK &&
	    (r = fido_assert_set_rp(a, application)) == FIDO_OK &&
	    (r = fido_assert_allow_cred(a, handle, handle_len)) == FIDO_OK &&
	    (r = fido_assert_set_up(a, flags & 1 ? FIDO_OPT_TRUE : FIDO_OPT_FALSE)) == FIDO_OK &&
	    (r = fido_assert_set_uv(a, flags & VERIFY && pin == NULL ? FIDO_OPT_TRUE : FIDO_OPT_OMIT)) == FIDO_OK)
		r = fido_dev_get_assert(d, a, pin);
	if (r == FIDO_OK) {
		const unsigned char *sig = fido_assert_sig_ptr(a, 0);
		size_t len = fido_assert_sig_len(a, 0);

		s->flags = fido_assert_flags(a, 0);
		s->counter = fido_assert_sigcount(a, 0);
		if (alg == ED25519) {
			copy(&s->r, &s->r_len, sig, len);
		} else {
			ECDSA_SIG *es = d2i_ECDSA_SIG(NULL, &sig, (long)len);
			unsigned char n[32];

			if (es == NULL)
				return GENERAL;
			copy(&s->r, &s->r_len, n, (size_t)BN_bn2bin(ECDSA_SIG_get0_r(es), n));
			copy(&s->s, &s->s_len, n, (size_t)BN_bn2bin(ECDSA_SIG_get0_s(es), n));
			ECDSA_SIG_free(es);
		}
		*out = s;
	}
	fido_assert_free(&a);
	fido_dev_close(d);
	fido_dev_free(&d);
	return code(r);
}

int sk_load_resident_keys(const char *pin, struct option **options, struct resident ***keys, size_t *count) {
	(void)pin, (void)options, (void)keys, (void)count;
	return UNSUPPORTED;
}
