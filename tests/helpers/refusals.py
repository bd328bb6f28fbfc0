"""What tests of the server share: the key, and the form of every refusal."""

KEY = "a-key-for-tests-0123456789"
ALLOWED = {"authorization": f"Bearer {KEY}"}


def refused(response, status, kind):
    """Return the message of an answer that must be a refusal in the form of all refusals."""
    assert response.status_code == status, response.text
    answer = response.json()
    assert answer["status"] == status
    assert answer["error"]["kind"] == kind
    return answer["error"]["message"]
