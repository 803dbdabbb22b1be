// Package replicas tests two control centers, as built, that share a PostgreSQL database and a NATS server.
package replicas
