"""Operations with a model's help: what it reads is redacted and limited, and it changes nothing by itself."""
