package postern

// UserPairing is an active pairing of one of a user's phones, as administrators see it.
type UserPairing struct {
	Pairing     Pairing     `json:"pairing"`
	Phone       string      `json:"phone" doc:"Name of the phone."`
	Workstation Workstation `json:"workstation"`
}
