// Package replicas tests two processes of a control center, as built, that share a PostgreSQL database and a NATS server.
package replicas
