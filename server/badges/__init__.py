"""Badges (机房出入证): the quota, the binding of a card, status and generation (B2-B6)."""
