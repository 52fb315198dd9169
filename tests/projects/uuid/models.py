"""A shop whose products have UUID keys, and users of its own."""

from __future__ import annotations

import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.urls import reverse


class Category(models.Model):
    """A shelf."""

    name = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    """What the shop sells."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    price = models.DecimalField(max_digits=8, decimal_places=2, default=10)
    image = models.ImageField(upload_to="products", blank=True)
    category = models.ForeignKey(Category, null=True, on_delete=models.SET_NULL)
    is_active = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("product", args=[self.pk])


class Customer(AbstractUser):
    """A user model of the shop's own, with UUID keys."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
