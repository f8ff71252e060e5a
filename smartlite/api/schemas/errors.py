"""The error objects of OpenAI's API and of OAuth. Must not know which errors there are."""

from pydantic import BaseModel, Field


class ErrorBody(BaseModel):
    """What was wrong."""

    message: str = Field(examples=["Missing required parameter: 'messages'."])
    type: str = Field(examples=["invalid_request_error"])
    param: str | None = Field(examples=["messages"], description="The field that was wrong.")
    code: str | None = Field(examples=["missing_required_parameter"], description="Stable, for programs.")


class ErrorResponse(BaseModel):
    """The body of every answer with a status of 400 or more."""

    error: ErrorBody


class OAuthError(BaseModel):
    """The body of an error of OAuth's own routes (RFC 6749, section 5.2)."""

    error: str = Field(examples=["invalid_grant"], description="Stable, for programs.")
    error_description: str = Field(examples=["The code is not good, or not any more."])
