// Bytes with a media type: what messages and replies carry.

package greenroom

// Payload is what a message or a reply carries.
//
// Ordinary methods never see one: their arguments and results are JSON. A method whose only argument is a
// Payload gets the body as it came, and one that returns a Payload replies with it as it is.
type Payload struct {
	// ContentType is the media type of Body, for example `application/json`.
	ContentType string
	Body        []byte
}

// Text is text as UTF-8.
func Text(text string) Payload {
	return Payload{ContentType: "text/plain; charset=utf-8", Body: []byte(text)}
}

// JSON is value as JSON. The error is a failure, `internal`, when value has no JSON form.
func JSON(value any) (Payload, error) {
	body, err := encode(value)
	if err != nil {
		return Payload{}, Internal("can't be written as JSON: %v", err)
	}
	return Payload{ContentType: "application/json", Body: body}, nil
}

// Read reads the body as JSON into what value points to, whatever the media type says. An empty body reads
// like `null`. The error is a failure, `invalid-argument`, with the place and the problem.
func (p Payload) Read(value any) error {
	body := p.Body
	if len(body) == 0 {
		body = []byte("null")
	}
	if malformed := decode(body, value); malformed != nil {
		return InvalidArgument("%v", malformed)
	}
	return nil
}

// payloadOf is arguments as a message carries them: nothing for nil, a payload as it is, else JSON.
func payloadOf(arguments any) (Payload, error) {
	switch arguments := arguments.(type) {
	case nil:
		return Payload{}, nil
	case Payload:
		return arguments, nil
	default:
		return JSON(arguments)
	}
}
